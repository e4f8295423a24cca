"""Light from panoramas: sky light as spherical harmonics, the brightest spot as a key light, and the view behind.

Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment maps", SIGGRAPH 2001.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.camera import Camera
from densepose_mobile.train.data.shading import Light

__all__ = ["Environment", "Environments", "Split", "in_split", "place_of"]

Split = Literal["train", "val"]

_BASIS: Final = np.array(
    [0.282095, 0.488603, 0.488603, 0.488603, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274], np.float32
)
_COSINE: Final = np.array([1.0, 2 / 3, 2 / 3, 2 / 3, 0.25, 0.25, 0.25, 0.25, 0.25], np.float32)  # A_l / pi
_LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_HAS_NO_GROUND: Final = ("aristea_wreck_puresky", "sky")
_KEY_RADIUS: Final = np.deg2rad(14.0)
_SMALL: Final = (16, 32)


def place_of(name: str) -> str:
    """The place that a file shows: faces and panoramas of one place share it."""
    stem = name.rsplit(".", 1)[0]
    for prefix in ("polyhaven_", "pmndrs_", "humus_"):
        stem = stem.removeprefix(prefix)
    for suffix in ("_1k", "_negx", "_negz", "_posx", "_posz"):
        stem = stem.removesuffix(suffix)
    return stem


def in_split(name: str, split: Split) -> bool:
    """Whether the file belongs to the split; about one place in eight is held out, whole places at a time."""
    held_out = zlib.crc32(place_of(name).encode()) % 8 == 0
    return held_out == (split == "val")


@lru_cache(maxsize=4)
def _directions(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Directions (h, w, 3) of a panorama's pixels (middle is -z, right of it +x) and their solid angles (h, w)."""
    azimuth = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    elevation = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    cos_e = np.cos(elevation)[:, None]
    directions = np.stack(
        [
            np.sin(azimuth)[None, :] * cos_e,
            np.broadcast_to(np.sin(elevation)[:, None], (height, width)),
            -np.cos(azimuth)[None, :] * cos_e,
        ],
        axis=-1,
    )
    solid = np.broadcast_to(cos_e * (np.pi / height) * (2 * np.pi / width), (height, width))
    return directions.astype(np.float32), solid.astype(np.float32)


@dataclass(frozen=True)
class Environment:
    """One panorama, its scale chosen so that a surface receives irradiance pi on average.

    panorama: (h, w, 3) float32 linear RGB. sky: (16, 32, 3) radiance without the key light. key: (3,) irradiance of
    a surface that faces the key light. direction: (3,) to it. spread: radians, its apparent radius.
    """

    name: str
    panorama: NDArray[np.float32]
    sky: NDArray[np.float32]
    key: NDArray[np.float32]
    direction: NDArray[np.float32]
    spread: float
    has_ground: bool

    @classmethod
    def load(cls, path: Path) -> "Environment":
        """Read a Radiance .hdr file; AssetError when it is none."""
        data = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        if data is None or data.ndim != 3:
            raise AssetError(f"{path} is no readable .hdr panorama; copy the asset again")
        panorama = np.ascontiguousarray(data[..., ::-1], np.float32)
        directions, solid = _directions(*panorama.shape[:2])
        luminance = panorama @ _LUMINANCE
        # The key light: what stands out within a few degrees of the brightest spot.
        small = cv2.resize(luminance, _SMALL[::-1], interpolation=cv2.INTER_AREA)
        upper = small.copy()
        upper[_SMALL[0] // 2 + 1 :] = 0.0
        row, column = np.unravel_index(int(np.argmax(upper)), upper.shape)
        peak = _directions(*_SMALL)[0][row, column]
        near = directions @ peak > np.cos(_KEY_RADIUS)
        base = 2.0 * float((luminance * solid).sum() / solid.sum())
        excess = np.where(near & (luminance > base), 1.0 - base / np.maximum(luminance, 1e-9), 0.0).astype(np.float32)
        weight = (excess * luminance * solid)[..., None]
        key = (panorama * (excess * solid)[..., None]).sum(axis=(0, 1))
        direction = (directions * weight).sum(axis=(0, 1))
        direction = direction / np.linalg.norm(direction) if weight.sum() > 0 else peak
        cosine = np.clip(directions @ direction, -1, 1)
        spread = float(np.sqrt((weight[..., 0] * np.arccos(cosine) ** 2).sum() / max(float(weight.sum()), 1e-9)))
        rest = panorama * (1.0 - excess)[..., None]
        sky = cv2.resize(rest, _SMALL[::-1], interpolation=cv2.INTER_AREA)
        small_solid = _directions(*_SMALL)[1]
        mean = float(((sky @ _LUMINANCE) * small_solid).sum() / (4 * np.pi) + 0.35 * (key @ _LUMINANCE) / np.pi)
        scale = np.float32(1.0 / max(mean, 1e-9))
        return cls(
            path.stem,
            np.minimum(panorama * scale, 3.0).astype(np.float32),
            (sky * scale).astype(np.float32),
            (key * scale).astype(np.float32),
            direction.astype(np.float32),
            spread,
            place_of(path.name) not in _HAS_NO_GROUND,
        )

    def light(self, yaw: float, exposure: float, tint: NDArray[np.float32], least_elevation: float = 0.17) -> Light:
        """The light with the panorama turned by `yaw` radians about the vertical, times exposure and tint (3,)."""
        rotation = _turn(yaw)
        directions, solid = _directions(*_SMALL)
        x, y, z = np.moveaxis((directions @ rotation.T).reshape(-1, 3), -1, 0)
        basis = np.stack(
            [np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
        )  # (9, pixels), without the constants
        radiance = self.sky.reshape(-1, 3) * solid.reshape(-1, 1)
        harmonics = (basis @ radiance) * (_BASIS**2 * _COSINE)[:, None]
        direction = rotation @ self.direction
        if direction[1] < np.sin(least_elevation):
            flat = direction[[0, 2]] / max(float(np.linalg.norm(direction[[0, 2]])), 1e-6) * np.cos(least_elevation)
            direction = np.array([flat[0], np.sin(least_elevation), flat[1]])
        gain = (exposure * tint).astype(np.float32)
        return Light(
            (harmonics * gain).astype(np.float32),
            (self.key / np.pi * gain).astype(np.float32),
            direction.astype(np.float32),
            float(np.clip(self.spread, 0.01, 0.4)),
        )

    def view(self, camera: Camera, yaw: float) -> NDArray[np.float32]:
        """Linear radiance (size, size, 3) float32 that the camera sees, unexposed."""
        height, width = self.panorama.shape[:2]
        # The panorama has few pixels in a view: sampling it more densely than it is gives nothing.
        steps = int(np.clip(1.6 * camera.size / camera.focal * width / (2 * np.pi), 64, camera.size))
        scale = steps / camera.size
        coarse = Camera(camera.rotation, camera.position, camera.focal * scale, (steps / 2.0, steps / 2.0), steps)
        rays = coarse.rays() @ _turn(yaw)
        azimuth = np.arctan2(rays[..., 0], -rays[..., 2])
        elevation = np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2]))
        x = ((azimuth / (2 * np.pi) + 0.5) * width - 0.5).astype(np.float32)
        y = ((0.5 - elevation / np.pi) * height - 0.5).astype(np.float32)
        seen = cv2.remap(self.panorama, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        if steps < camera.size:
            seen = cv2.resize(seen, (camera.size, camera.size), interpolation=cv2.INTER_CUBIC)
        return np.maximum(seen, 0.0).astype(np.float32)


def _turn(yaw: float) -> NDArray[np.float32]:
    """Rotation about the vertical that takes panorama directions to the world."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)


class Environments:
    """The panoramas of a split, read when first wanted and then kept."""

    def __init__(self, assets: Path, split: Split) -> None:
        """List assets/hdri; AssetError when the split has no panorama."""
        self._files = [f for f in sorted((assets / "hdri").glob("*.hdr")) if in_split(f.name, split)]
        if not self._files:
            raise AssetError(f"no .hdr panorama of the {split} split in {assets / 'hdri'}; copy the asset folder again")
        self._loaded: dict[int, Environment] = {}

    def __len__(self) -> int:
        """Number of panoramas."""
        return len(self._files)

    def __getitem__(self, index: int) -> Environment:
        """Panorama by number."""
        if index not in self._loaded:
            self._loaded[index] = Environment.load(self._files[index])
        return self._loaded[index]

    def sample(self, rng: np.random.Generator, with_ground: bool = False) -> Environment:
        """Any panorama; with_ground: one below whose horizon there is ground."""
        for _ in range(8):
            environment = self[int(rng.integers(len(self)))]
            if environment.has_ground or not with_ground:
                break
        return environment
