"""The skin of the Anny bodies and what is painted on it: face, scalp, tight clothes, socks.

Places are in metres of the body template, whose face was measured once (mouth at y 1.526, eyes at 1.593).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.template import TemplateMesh
from densepose_mobile.train.cache import cached_arrays
from densepose_mobile.train.data import headwear
from densepose_mobile.train.data.bodies import BodyBank
from densepose_mobile.train.data.fabrics import Colour, Fabric, Paint, paint
from densepose_mobile.train.data.headwear import head_regions
from densepose_mobile.train.data.nearest import inner_faces, vertex_normals
from densepose_mobile.train.data.openness import openness
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet
from densepose_mobile.train.data.texels import ARM, HEAD, LEG, TRUNK, BodyCoordinates, TexelMap, cached_texels, fill

__all__ = ["BodyPainter", "Cover", "Look"]

_FORMAT: Final = 4
SKIN, SCALP, BROW, LIPS, WHITE, IRIS, PUPIL, INSIDE, TOP, BOTTOM, FEET, HEADGEAR, BEARD, GLASSES = range(14)

_EYE: Final = (0.029, 1.593)
_HAIRLINE: Final = (
    [-0.05, -0.01, 0.03, 0.045, 0.07, 0.09, 0.12, 0.2],
    [1.515, 1.52, 1.545, 1.575, 1.60, 1.63, 1.655, 1.66],
)


@dataclass(frozen=True)
class Cover:
    """Cloth painted on the body. Lengths as in TexelMap.along; levels in m of the template."""

    sleeve: float | None = None  # top down to here on the arms; None: no top
    hem: float = 0.95  # lower end of the top
    neck: float = 1.43  # upper end of the top in front
    leg: float | None = None  # trousers down to here; None: none
    belt: float = 1.02  # upper end of the trousers
    socks: float | None = None  # feet and shins up to here (2 = ankle)
    band: tuple[float, float] | None = None  # levels of a band round the chest
    headgear: str | None = None  # cap, helmet or scarf
    beard: bool = False
    glasses: bool = False
    gloves: bool = False


@dataclass(frozen=True)
class Look:
    """Colours of one body."""

    skin: Colour
    hair: Colour
    lips: float  # 0..1, how much redder than the skin
    stubble: float  # 0..1, how much hair colour shows on the scalp
    eyes: Colour
    top: Fabric
    bottom: Fabric
    feet: Fabric
    headgear: Fabric
    lenses: Colour


def _neckline(points: NDArray[np.float32], front: float) -> NDArray[np.float32]:
    """(...) m, upper end of a top at template points (..., 3): `front` in front, higher behind and on the shoulders."""
    behind = 0.035 * np.clip((0.04 - points[..., 2]) / 0.08, 0, 1)
    aside = 0.2 * np.clip((np.abs(points[..., 0]) - 0.05) / 0.08, 0, 1)
    return np.asarray(front + behind + aside, np.float32)


class BodyPainter:
    """Paints textures for the surface "anny/body"."""

    def __init__(self, surface: Surface, bank: BodyBank, template: TemplateMesh, size: int = 512) -> None:
        coordinates = BodyCoordinates(template, bank)
        self.texels: TexelMap = cached_texels(surface, bank.uv, bank.uv_faces, coordinates, size)
        segment = coordinates.segments(surface.canonical)
        self.kind, self.along, _, _ = coordinates.coordinates(surface.canonical, segment)  # (V,), (V,) of the vertices
        self.canonical = surface.canonical
        made = cached_arrays(
            f"body-paint-{_FORMAT}-{SurfaceSet((surface,)).id}-{size}",
            lambda: {"light": self._light(bank, template), "features": self._paint_features(template)},
        )
        self._light_map = made["light"].astype(np.uint8)
        self._features = made["features"].astype(np.uint8)
        self._on_head = head_regions(self.texels.point, self.texels.kind == HEAD)
        self._head = head_regions(self.canonical, self.kind == HEAD)
        self._base = np.zeros((size, size, 3), np.uint8)

    def _light(self, bank: BodyBank, template: TemplateMesh) -> NDArray[np.uint8]:
        """(S, S) 128 in the open, darker in folds and sockets."""
        vertices = template.vertices.astype(np.float64)
        normals = vertex_normals(vertices, template.faces)
        dark = 1 - openness(vertices, template.faces, vertices + 2e-3 * normals, normals)
        local = np.where(self.kind == HEAD, dark, 0.5 * dark)
        size = self.texels.size
        out = np.zeros((size, size, 3))
        owner = np.full((size, size), -1, np.int64)
        fill(
            bank.uv[bank.uv_faces].astype(np.float64),
            np.repeat(local[template.faces][..., None], 3, 2).copy(),
            out,
            owner,
        )
        picture = np.clip(134 * (1 - 0.75 * out[..., 0]), 30, 134).astype(np.uint8)
        picture[owner < 0] = 128
        eyes = np.zeros(picture.shape, np.uint8)
        for face in bank.uv_faces[template.component[template.faces[:, 0]] == 2]:
            cv2.fillConvexPoly(eyes, np.round(bank.uv[face] * size - 0.5).astype(np.int32), 1)
        picture[cv2.dilate(eyes, np.ones((3, 3), np.uint8)) > 0] = 122
        return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0.8))

    def _paint_features(self, template: TemplateMesh) -> NDArray[np.uint8]:
        """(S, S) zones of the bare body."""
        from scipy.spatial import cKDTree

        texels = self.texels
        x, y, z = (texels.point[..., k] for k in range(3))
        side = np.abs(x)
        out = np.full(texels.kind.shape, SKIN, np.uint8)
        head = texels.kind == HEAD
        ear = (side > 0.074) & (y < 1.612) & (z > 0.02) & (z < 0.085)
        out[head & (y > np.interp(z, *_HAIRLINE)) & ~ear] = SCALP
        arch = 1.606 + 0.006 * np.sin(np.clip((side - 0.010) / 0.036, 0, 1) * 2.4)
        out[head & (np.abs(y - arch) < 0.0035) & (side > 0.011) & (side < 0.046) & (z > 0.09)] = BROW
        wide = np.sqrt(np.clip(1 - (side / 0.0245) ** 2, 0, 1))
        lips = (y < 1.526 + 0.0085 * wide) & (y > 1.526 - 0.0105 * wide) & (side < 0.0245) & (z > 0.10)
        out[head & lips] = LIPS
        tree = cKDTree(template.vertices)
        piece = template.component[tree.query(texels.point[head])[1]]
        eye = np.zeros_like(head)
        eye[head] = piece == 2
        off = np.hypot(side - _EYE[0], y - _EYE[1])
        front = z > 0.10
        out[eye] = WHITE
        out[eye & front & (off < 0.0062)] = IRIS
        out[eye & front & (off < 0.0028)] = PUPIL
        dark = inner_faces(template.vertices.astype(np.float64), template.faces)
        centre = template.vertices[template.faces].mean(1)
        inside = np.zeros_like(head)
        face = cKDTree(centre).query(texels.point[head])[1]
        inside[head] = (
            dark[face] & (template.component[template.faces[face, 0]] == 0) & (np.abs(y[head] - 1.526) < 0.02)
        )
        out[inside & (z < 0.115)] = INSIDE
        return out

    def zones(self, cover: Cover) -> NDArray[np.uint8]:
        """(S, S) zones with clothes on."""
        texels = self.texels
        out = self._features.copy()
        y, along = texels.point[..., 1], texels.along
        arm, leg, trunk = texels.kind == ARM, texels.kind == LEG, texels.kind == TRUNK
        if cover.leg is not None:
            out[((trunk | leg) & (y < cover.belt) & trunk) | (leg & (along < cover.leg))] = BOTTOM
        if cover.sleeve is not None:
            neck = _neckline(texels.point, cover.neck)
            out[(trunk & (y > cover.hem) & (y < neck)) | (arm & (along < cover.sleeve))] = TOP
            out[leg & (y > cover.hem)] = TOP
        if cover.band is not None:
            out[trunk & (y > cover.band[0]) & (y < cover.band[1])] = TOP
        if cover.socks is not None:
            out[leg & (along > cover.socks)] = FEET
        if cover.gloves:
            out[arm & (along > 1.95)] = FEET
        if cover.beard:
            out[self._on_head["beard"]] = BEARD
        if cover.glasses:
            out[self._on_head["glasses"]] = GLASSES
        if cover.headgear is not None:
            out[self._on_head[cover.headgear]] = HEADGEAR
        return out

    def lift(self, cover: Cover, loose: tuple[float, float]) -> NDArray[np.float32]:
        """(V,) m that the painted clothes stand off the body; loose: of the top and of the trousers."""
        y, arm, leg, trunk = self.canonical[:, 1], self.kind == ARM, self.kind == LEG, self.kind == TRUNK
        out = np.zeros(len(y), np.float32)
        if cover.leg is not None:
            out[(trunk & (y < cover.belt)) | (leg & (self.along < cover.leg))] = loose[1]
        if cover.sleeve is not None:
            neck = _neckline(self.canonical, cover.neck)
            out[(trunk & (y > cover.hem) & (y < neck)) | (arm & (self.along < cover.sleeve))] = loose[0]
        if cover.headgear is not None:
            out[self._head[cover.headgear]] = headwear.HEADGEAR[cover.headgear]
        return out

    def texture(self, look: Look, cover: Cover, rng: np.random.Generator) -> NDArray[np.uint8]:
        """(S, S, 3) sRGB."""
        skin, hair = np.array(look.skin), np.array(look.hair)
        lips = skin * (1 - look.lips * np.array([0.10, 0.42, 0.38]))
        scalp = skin * (1 - look.stubble) + hair * look.stubble

        def flat(colour: NDArray[np.float64]) -> Paint:
            r, g, b = (float(v) for v in np.clip(colour, 0, 255))
            return Paint("skin", (r, g, b))

        paints = [
            flat(skin),
            flat(scalp),
            flat(0.35 * skin + 0.65 * hair * 0.8),
            flat(lips),
            flat(np.array([225.0, 220, 215])),
            flat(np.array(look.eyes)),
            flat(np.array([12.0, 10, 10])),
            flat(skin * np.array([0.35, 0.2, 0.2])),
            Paint("cloth", fabric=look.top, shading=0.7),
            Paint("cloth", fabric=look.bottom, shading=0.7),
            Paint("cloth", fabric=look.feet, shading=0.5),
            Paint("cloth", fabric=look.headgear, shading=0.3),
            flat(0.3 * skin + 0.7 * hair),
            Paint("skin", look.lenses, shading=0.2),
        ]
        return paint(
            self._base, self._light_map, self.zones(cover), self.texels, tuple(paints), int(rng.integers(1 << 31))
        )
