"""One picture of synthetic people from (seed, index): scene, light, drawing, development, truth."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.background import Backdrop, Backgrounds
from densepose_mobile.train.data.camera import Camera
from densepose_mobile.train.data.geometry import NEAR, Geometry, pack
from densepose_mobile.train.data.ingredients import Ingredients
from densepose_mobile.train.data.light import Environment, Environments, Split
from densepose_mobile.train.data.persons import PosedPerson
from densepose_mobile.train.data.raster import rasterise
from densepose_mobile.train.data.records import PersonTruth, Picture
from densepose_mobile.train.data.scene import Scene, compose, sample_count
from densepose_mobile.train.data.sensor import develop, encode_srgb
from densepose_mobile.train.data.shading import Light, shade
from densepose_mobile.train.data.shadows import ShadowMap, ground_shadow, no_shadows, shadow_map
from densepose_mobile.train.data.truth import Truth, truth

__all__ = ["PeopleSource", "Renderer", "draw_scene", "sample_people", "shoulder"]

_LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_SPLIT_CODE: Final[dict[str, int]] = {"train": 0, "val": 1}
_CONTACT_CELLS: Final = 192


class PeopleSource(Protocol):
    """Where people come from: `PeopleFactory`, or a stand-in in tests."""

    def sample(self, rng: np.random.Generator) -> PosedPerson:
        """A posed, dressed person."""


def shoulder(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same soft shoulder that the shading gives to people."""
    bright = image > 0.6
    if bright.any():
        image = image.copy()
        image[bright] = 0.6 + 0.4 * (1.0 - np.exp(-(image[bright] - 0.6) / 0.4))
    return image


@njit(cache=True, nogil=True)
def _lowest(vertices, scale, offset, height):  # type: ignore[no-untyped-def]
    rows, columns = height.shape
    for v in range(vertices.shape[0]):
        if vertices[v, 1] < 0.5:
            x, z = int(vertices[v, 0] * scale + offset[0]), int(vertices[v, 2] * scale + offset[1])
            if x >= 0 and z >= 0 and x < columns and z < rows and vertices[v, 1] < height[z, x]:
                height[z, x] = vertices[v, 1]


def _contact(geometry: Geometry) -> tuple[NDArray[np.float32], float, NDArray[np.float32]]:
    """How much sky light what stands on the ground takes from it: grid over (x, z), cells a metre, offset."""
    grid = np.full((_CONTACT_CELLS, _CONTACT_CELLS), 9.0, np.float32)
    points = geometry.vertices
    if len(points) == 0:
        return np.zeros_like(grid), 1.0, np.zeros(2, np.float32)
    low, high = points[:, [0, 2]].min(axis=0) - 0.4, points[:, [0, 2]].max(axis=0) + 0.4
    scale = float(min(_CONTACT_CELLS / float((high - low).max()), 40.0))
    offset = (-low * scale).astype(np.float32)
    _lowest(points, scale, offset, grid)
    taken = np.exp(-np.maximum(grid, 0.0) / 0.09)
    near = cv2.GaussianBlur(cv2.dilate(taken, np.ones((3, 3), np.uint8)), (0, 0), max(0.6, 0.025 * scale))
    wide = cv2.GaussianBlur(taken, (0, 0), max(0.6, 0.12 * scale))
    return np.clip(0.75 * near + 0.55 * wide, 0.0, 0.9).astype(np.float32), scale, offset


def _crevices(picture: Truth, strength: float) -> NDArray[np.float32]:
    """(H, W) factor that darkens what lies a little behind its surroundings: folds, armpits, arms before bodies."""
    mask = (picture.inverse_depth > 0).astype(np.float32)
    depth = np.where(mask > 0, 1.0 / np.maximum(picture.inverse_depth, 1e-6), 0.0).astype(np.float32)
    side = max(5, picture.face.shape[0] // 28) | 1
    around = cv2.boxFilter(depth, -1, (side, side)) / np.maximum(cv2.boxFilter(mask, -1, (side, side)), 1e-3)
    behind = np.clip(depth - around, 0.0, 0.12) * mask
    return (1.0 - strength * behind / 0.12).astype(np.float32)


def _exposed(linear: NDArray[np.float32], people: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """What a camera's automatic exposure makes of it: most of the way to mid-grey, people count more."""
    wanted = 0.05 * np.exp(rng.normal(0, 0.4)) if rng.random() < 0.05 else 0.2 * np.exp(rng.normal(0, 0.35))
    luminance = linear @ _LUMINANCE
    mean = float(luminance.mean())
    if people.sum() > 200:
        mean = 0.5 * mean + 0.5 * float(luminance[people].mean())
    gain = float(np.clip((wanted / max(mean, 1e-4)) ** 0.7, 0.4, 6.0))
    return shoulder(linear * np.float32(gain))


def sample_people(
    source: PeopleSource, split: Split, seed: int, index: int, groups: bool
) -> tuple[list[PosedPerson], np.random.Generator]:
    """The people of picture number `index`, of whom some may find no room, and the generator for all that follows."""
    rng = np.random.default_rng([seed, _SPLIT_CODE[split], index])
    return [source.sample(rng) for _ in range(sample_count(rng, groups))], rng


class Renderer:
    """Makes picture number `index` of a split: the same for the same (seed, index), whoever asks, in any order."""

    def __init__(
        self,
        assets: Path,
        people: PeopleSource,
        face_offset: Callable[[str], int],
        split: Split = "train",
        seed: int = 0,
        size: int = 320,
        ingredients: Ingredients | None = None,
    ) -> None:
        """Face_offset: surface name -> number of its first face. size: px, side of the pictures."""
        self._people, self._face_offset = people, face_offset
        self._environments = Environments(assets, split)
        self._backgrounds = Backgrounds(assets, split, self._environments)
        self._split, self._seed, self._size = split, seed, size
        self._ingredients = ingredients or Ingredients()

    def picture(self, index: int) -> Picture:
        """Picture number `index`."""
        parts = self._ingredients
        sampled, rng = sample_people(self._people, self._split, self._seed, index, parts.groups)
        texture = functools.partial(self._backgrounds.texture, rng)
        scene = compose(sampled, self._size, rng, self._face_offset, texture, parts.things)
        backdrop = self._backgrounds.sample(rng, scene.camera, scene.deepest)
        light, behind = self._light(backdrop, rng)
        linear, seen = draw_scene(scene, light, behind, backdrop, rng)
        linear = _exposed(linear, seen.instance > 0, rng)
        image, done = develop(linear, rng) if parts.sensor else (encode_srgb(linear), {})
        meta: dict[str, Any] = {
            "split": self._split,
            "seed": self._seed,
            "index": index,
            "framing": scene.framing,
            "background": f"{backdrop.kind}:{backdrop.name}",
            "clips": [person.clip for person in scene.people],
            "focal": round(scene.camera.focal, 2),
            **done,
        }
        people = _people_truth(scene, seen)
        return Picture(f"{self._split}-{index:08d}", image, seen.face, seen.barycentric, seen.instance, people, meta)

    def _light(self, backdrop: Backdrop, rng: np.random.Generator) -> tuple[Light, NDArray[np.float32]]:
        """The light on the people and the exposed background: as bright and as coloured as each other, about."""
        dim = rng.random() < 0.07
        wanted = float(rng.uniform(0.16, 0.4) if dim else np.clip(np.exp(rng.normal(0.0, 0.32)), 0.5, 1.8))
        if backdrop.environment is not None:
            light = backdrop.environment.light(backdrop.yaw, wanted, np.ones(3, np.float32))
            level = 0.55 * wanted
            return light, shoulder(np.clip(backdrop.image * np.float32(level), 0.0, 8.0))
        environment: Environment = self._environments.sample(rng)
        mean = backdrop.image.reshape(-1, 3).mean(axis=0)
        bright = float(np.clip(mean @ _LUMINANCE, 0.02, 1.0))
        # A photograph was exposed for its own light: mid-grey there says how much light there was.
        own = float(np.clip(wanted * (bright / 0.2) ** 0.45, 0.3 if not dim else 0.16, 1.9))
        sky = environment.sky.reshape(-1, 3).mean(axis=0) + 0.3 * environment.key / np.pi
        cast = sky / max(float(sky @ _LUMINANCE), 1e-6)
        tint = (mean / bright) ** 0.5 / np.maximum(cast, 0.05) ** 0.7
        tint = np.clip(tint / max(float((tint * cast) @ _LUMINANCE), 1e-6), 0.4, 2.2).astype(np.float32)
        light = environment.light(float(rng.uniform(0, 2 * np.pi)), own, tint)
        gain = 0.45 + 0.55 * wanted if dim else float(np.exp(rng.normal(0, 0.15)))
        return light, np.minimum(backdrop.image * np.float32(gain), 1.0)


def draw_scene(
    scene: Scene, light: Light, behind: NDArray[np.float32], backdrop: Backdrop, rng: np.random.Generator
) -> tuple[NDArray[np.float32], Truth]:
    """Linear picture and truth."""
    camera = scene.camera
    geometry = pack(scene.meshes, camera)
    visibility = rasterise(geometry, camera.size)
    # A weak key light throws no shadow that could be seen.
    strong = float((light.key @ _LUMINANCE) / (light.harmonics[0] @ _LUMINANCE)) > 0.12
    shadows = shadow_map(geometry, light.direction) if strong else no_shadows(light.direction)
    colour = shade(geometry, visibility, light, shadows, camera.position)
    seen = truth(geometry, visibility)
    if rng.random() < 0.3 and backdrop.kind != "studio":  # shallow depth of field
        behind = np.asarray(
            cv2.GaussianBlur(behind, (0, 0), float(np.clip(rng.exponential(1.4) + 0.4, 0.4, 4.5))), np.float32
        )
    if scene.people:
        behind = behind * _shadows(geometry, camera, light, shadows)
        colour[..., :3] *= _crevices(seen, float(rng.uniform(0.15, 0.5)))[..., None]
    through = np.float32(1.0) - np.minimum(colour[..., 3:], np.float32(1.0))
    return (colour[..., :3] + behind * through).astype(np.float32, copy=False), seen


def _shadows(geometry: Geometry, camera: Camera, light: Light, shadows: ShadowMap) -> NDArray[np.float32]:
    """(H, W, 3) factor on the background: what of the light reaches the ground."""
    # Half the resolution is enough for shadows: their edges are soft.
    half = Camera(
        camera.rotation, camera.position, camera.focal / 2, (camera.size / 4, camera.size / 4), camera.size // 2
    )
    lit, near = ground_shadow(half.rays(), camera.position, shadows, light.softness, *_contact(geometry))
    sky = np.maximum(light.ambient(np.array([0.0, 1.0, 0.0], np.float32)), 1e-3)
    key = light.key * max(float(light.direction[1]), 0.0)
    # Part of the sky light always comes from the side, and backgrounds hold shadows of their own already.
    key = np.minimum(key, 2.0 * sky)
    reaching = (sky * near[..., None] + key * lit[..., None]) / (sky + key)
    full = cv2.resize(reaching.astype(np.float32), (camera.size, camera.size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


@njit(cache=True, nogil=True)
def _extents(instance, boxes, counts):  # type: ignore[no-untyped-def]
    for y in range(instance.shape[0]):
        for x in range(instance.shape[1]):
            k = instance[y, x]
            if k:
                counts[k] += 1
                boxes[k, 0] = min(boxes[k, 0], x)
                boxes[k, 1] = min(boxes[k, 1], y)
                boxes[k, 2] = max(boxes[k, 2], x + 1)
                boxes[k, 3] = max(boxes[k, 3], y + 1)


_DEPTH_OF_JOINT: Final = np.array([0.06] * 5 + [0.16] * 2 + [0.11] * 4 + [0.2] * 2 + [0.13] * 4, np.float32)
"""Metres that a joint may lie under the surface and still count as seen."""


def _people_truth(scene: Scene, seen: Truth) -> tuple[PersonTruth, ...]:
    count = len(scene.people)
    boxes = np.tile(np.array([1e9, 1e9, -1.0, -1.0], np.float32), (count + 1, 1))
    pixels = np.zeros(count + 1, np.int64)
    _extents(seen.instance, boxes, pixels)
    found = []
    for k, person in enumerate(scene.people, start=1):
        vertices = np.concatenate(
            [layer.vertices[:: 9 if len(layer.vertices) > 2000 else 1] for layer in person.layers]
        )
        corners = scene.camera.project(vertices)
        corners = corners[corners[:, 2] > NEAR, :2]
        if pixels[k]:
            corners = np.concatenate([corners, boxes[k].reshape(2, 2)])
        full = np.concatenate([corners.min(axis=0), corners.max(axis=0)]) if len(corners) else np.zeros(4, np.float32)
        found.append(
            PersonTruth(
                k,
                person.kind,
                person.identity,
                boxes[k] if pixels[k] else np.zeros(4, np.float32),
                full.astype(np.float32),
                _keypoints(person.keypoints, k, scene.camera, seen),
                int(pixels[k]),
            )
        )
    return tuple(found)


def _keypoints(points: NDArray[np.float32], instance: int, camera: Camera, seen: Truth) -> NDArray[np.float32]:
    """(17, 3) x, y px and visibility: 0 out of the picture, 1 behind something, 2 seen."""
    projected = camera.project(points)
    size = camera.size
    inside = (projected[:, 2] > NEAR) & (projected[:, :2] >= 0).all(axis=1) & (projected[:, :2] < size).all(axis=1)
    column = np.clip(projected[:, 0], 0, size - 1).astype(int)
    row = np.clip(projected[:, 1], 0, size - 1).astype(int)
    surface = 1.0 / np.maximum(seen.inverse_depth[row, column], 1e-6)
    near = projected[:, 2] - surface < _DEPTH_OF_JOINT
    on_person = seen.instance[row, column] == instance
    visibility = np.where(inside, np.where(on_person & near, 2, 1), 0)
    xy = np.where(inside[:, None], projected[:, :2], 0.0)
    return np.concatenate([xy, visibility[:, None]], axis=1).astype(np.float32)
