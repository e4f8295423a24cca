"""What is behind the people: photographs, cube faces and panoramas of places without people, and plain studios."""

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.camera import Camera
from densepose_mobile.train.data.light import Environment, Environments, Split, in_split, place_of

__all__ = ["Backdrop", "Backgrounds"]

_FACE_SIDES = ("_negx", "_negz", "_posx", "_posz")
_ROOMS = (
    "adams_place_bridge", "aerodynamics_workshop", "aft_lounge", "aircraft_workshop", "apartment", "art_studio",
    "autoshop", "blocky_photo_studio", "brown_photostudio", "christmas_photo_studio", "colorful_studio", "circus_arena",
    "dancing_hall", "drachenfels_cellar", "fireplace", "glass_passage", "lab", "lobby", "old_hall", "sepulchral_chapel",
    "skylit_garage", "small_cave", "st_fagans_interior", "studio", "studio_small", "thatch_chapel", "vestibule",
    "warehouse", "wooden_lounge", "workshop",
)  # fmt: skip
"""Places with walls near by: nobody can stand far off in them."""


@dataclass(frozen=True)
class Backdrop:
    """A background as the camera sees it.

    image: (size, size, 3) float32 linear, display-referred 0..1 unless `environment` is given: then radiance in the
    environment's scale. environment and yaw: the panorama it was taken from.
    """

    kind: str
    name: str
    image: NDArray[np.float32]
    environment: Environment | None = None
    yaw: float = 0.0


def _linear(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return _DECODE[image]


_DECODE = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)


class Backgrounds:
    """People-free pictures of a split, read when first wanted and then kept."""

    def __init__(self, assets: Path, split: Split, environments: Environments) -> None:
        """List assets/backgrounds and the people-free part of assets/photos_train; AssetError when there is nothing."""
        photos = sorted((assets / "backgrounds").glob("*.jpg"))
        faces: list[Path] = []
        table = assets / "photos_train" / "photos.csv"
        if table.is_file():
            with table.open(newline="") as file:
                rows = [row["file"] for row in csv.DictReader(file) if row["kind"] == "B"]
            for name in sorted(rows):
                is_face = Path(name).stem.endswith(_FACE_SIDES)
                (faces if is_face else photos).append(assets / "photos_train" / name)
        self._photos = [f for f in photos if in_split(f.name, split)]
        self._faces = [f for f in faces if in_split(f.name, split)]
        if not self._photos or not self._faces:
            raise AssetError(f"no backgrounds of the {split} split in {assets}; copy the asset folder again")
        self._environments = environments
        self._images: dict[Path, NDArray[np.uint8]] = {}

    def _image(self, path: Path) -> NDArray[np.uint8]:
        if path not in self._images:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                raise AssetError(f"{path} is no readable picture; copy the asset again")
            self._images[path] = np.ascontiguousarray(image[..., ::-1], np.uint8)
        return self._images[path]

    def texture(self, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
        """A square piece (size, size, 3) uint8 of some picture: the skin of a thing."""
        files = self._photos if rng.random() < 0.4 else self._faces
        image = self._image(files[int(rng.integers(len(files)))])
        most = min(1.0, 4 * size / min(image.shape[:2]))
        return _crop(image, rng, size, 0.25 * most, most)

    def sample(self, rng: np.random.Generator, camera: Camera, deepest: float = 0.0) -> Backdrop:
        """A background for the camera: its horizon is the camera's where the source knows its own.

        deepest: metres to the farthest person; beyond seven, rooms are avoided.
        """
        for _ in range(6):
            backdrop = self._draw(rng, camera)
            if deepest < 7.0 or not place_of(backdrop.name).startswith(_ROOMS):
                break
        return backdrop

    def _draw(self, rng: np.random.Generator, camera: Camera) -> Backdrop:
        choice = rng.random()
        tilt = abs(float(np.arcsin(np.clip(camera.forward[1], -1, 1))))
        if choice < 0.05:
            return Backdrop("studio", "studio", _studio(rng, camera))
        if choice < 0.62 and tilt < 0.6:
            return self._face(rng, camera)
        if choice < 0.82:
            environment = self._environments.sample(rng, with_ground=True)
            yaw = float(rng.uniform(0, 2 * np.pi))
            return Backdrop("panorama", environment.name, environment.view(camera, yaw), environment, yaw)
        path = self._photos[int(rng.integers(len(self._photos)))]
        return Backdrop("photo", path.stem, _linear(_crop(self._image(path), rng, camera.size, 0.4, 1.0)))

    def _face(self, rng: np.random.Generator, camera: Camera) -> Backdrop:
        """A view inside a 90 degree face of a cube: a homography, since only the direction changes."""
        path = self._faces[int(rng.integers(len(self._faces)))]
        image = self._image(path)
        side = image.shape[0]
        half_view = np.arctan(0.5 * camera.size / camera.focal)
        slack = max(0.0, float(np.pi / 4 - half_view))
        heading = np.arctan2(camera.forward[0], -camera.forward[2])
        turn = float(heading - rng.uniform(-slack, slack))
        c, s = np.cos(turn), np.sin(turn)
        # Rows: right, down, forward of the face's own camera in the world.
        face_axes = np.array([[c, 0, s], [0, -1, 0], [s, 0, -c]])
        inner = np.array([[camera.focal, 0, camera.centre[0]], [0, camera.focal, camera.centre[1]], [0, 0, 1.0]])
        outer = np.array([[side / 2, 0, side / 2], [0, side / 2, side / 2], [0, 0, 1.0]])
        homography = outer @ face_axes @ camera.rotation.T.astype(np.float64) @ np.linalg.inv(inner)
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])  # pixel centres at +0.5
        homography = np.linalg.inv(half) @ homography @ half
        density = side / 2 / camera.focal
        if density > 1.5:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * density), np.uint8)
        seen = cv2.warpPerspective(
            image, homography, (camera.size, camera.size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        if rng.random() < 0.5 and abs(float(camera.rotation[0, 1])) < 0.04:
            seen = seen[:, ::-1]
        return Backdrop("face", path.stem, _linear(np.asarray(seen, np.uint8)))


def _crop(
    image: NDArray[np.uint8], rng: np.random.Generator, size: int, least: float, most: float
) -> NDArray[np.uint8]:
    """A random square of `least`..`most` times the shorter side, resized, flipped at will."""
    height, width = image.shape[:2]
    side = max(8, int(rng.uniform(least, most) * min(height, width)))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    piece = image[top : top + side, left : left + side]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(piece, (size, size), interpolation=method), np.uint8)


def _studio(rng: np.random.Generator, camera: Camera) -> NDArray[np.float32]:
    """Wall and floor of plain colours with a soft edge and a soft spot of light, as in a photo studio."""
    wall = rng.uniform(0.05, 0.9) * (0.75 + 0.25 * rng.random(3))
    floor = wall * rng.uniform(0.6, 1.1) if rng.random() < 0.6 else rng.uniform(0.05, 0.7) * rng.uniform(0.6, 1, 3)
    rays = camera.rays()
    slope = rays[..., 1] / np.hypot(rays[..., 0], rays[..., 2])
    depth = rng.uniform(3.0, 8.0)
    edge = -float(camera.position[1]) / depth
    blend = 1.0 / (1.0 + np.exp(np.clip((slope - edge) / rng.uniform(0.004, 0.06), -30, 30)))
    image = wall + (floor - wall) * blend[..., None]
    across = (np.arange(camera.size) + 0.5) / camera.size
    cx, cy, radius = rng.uniform(0.1, 0.9), rng.uniform(0.0, 0.8), rng.uniform(0.4, 1.2)
    spot = np.exp(-((across[None, :] - cx) ** 2 + (across[:, None] - cy) ** 2) / radius**2)
    return np.clip(image * (1.0 - rng.uniform(0.1, 0.5) * (1.0 - spot))[..., None], 0, 1).astype(np.float32)
