"""A pinhole camera: world (metres, y up) to pixels (origin top left, x right, y down, centres at +0.5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Camera", "look_at"]


@dataclass(frozen=True)
class Camera:
    """Square-pixel pinhole camera.

    rotation: (3, 3) float32, world to camera; camera axes are x right, y down, z forward.
    position: (3,) float32, metres, world. focal: px. centre: principal point, px. size: side of the picture, px.
    """

    rotation: NDArray[np.float32]
    position: NDArray[np.float32]
    focal: float
    centre: tuple[float, float]
    size: int

    def to_camera(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """World points (..., 3) to camera coordinates (..., 3), metres."""
        return ((points - self.position) @ self.rotation.T).astype(np.float32)

    def project(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """World points (..., 3) to (..., 3) float32: x px, y px, depth m. Points behind have depth <= 0."""
        local = self.to_camera(points)
        depth = local[..., 2]
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        x = self.focal * local[..., 0] / safe + self.centre[0]
        y = self.focal * local[..., 1] / safe + self.centre[1]
        return np.stack([x, y, depth], axis=-1).astype(np.float32)

    def rays(self) -> NDArray[np.float32]:
        """World directions (size, size, 3) float32 through the pixel centres; not normalised, depth component 1."""
        across = np.arange(self.size, dtype=np.float32) + 0.5
        x = (across - self.centre[0]) / self.focal
        y = (across - self.centre[1]) / self.focal
        local = np.empty((self.size, self.size, 3), np.float32)
        local[..., 0] = x[None, :]
        local[..., 1] = y[:, None]
        local[..., 2] = 1.0
        return local @ self.rotation

    @property
    def forward(self) -> NDArray[np.float32]:
        """Unit viewing direction in the world."""
        return self.rotation[2]


def look_at(
    position: NDArray[np.float32],
    target: NDArray[np.float32],
    focal: float,
    size: int,
    place: tuple[float, float] = (0.5, 0.5),
    roll: float = 0.0,
) -> Camera:
    """Camera at `position` that sees `target` at `place` (fractions of the picture), rolled by `roll` radians.

    The principal point stays at the middle: the camera turns, as a photographer would, instead of shifting its film.
    """
    forward = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    forward /= max(float(np.linalg.norm(forward)), 1e-9)
    up = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.999 else np.array([0.0, 0.0, -1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    aimed = np.stack([right, down, forward])
    # Turn the camera so that the ray of `place` (before the roll) points where the axis pointed.
    offset = np.array([(place[0] - 0.5) * size / focal, (place[1] - 0.5) * size / focal])
    cos_roll, sin_roll = np.cos(roll), np.sin(roll)
    rolled = np.array([[cos_roll, -sin_roll, 0.0], [sin_roll, cos_roll, 0.0], [0.0, 0.0, 1.0]])
    unrolled = rolled[:2, :2].T @ offset
    yaw, pitch = np.arctan(unrolled[0]), np.arctan(unrolled[1] * np.cos(np.arctan(unrolled[0])))
    turn_yaw = np.array([[np.cos(yaw), 0.0, np.sin(yaw)], [0.0, 1.0, 0.0], [-np.sin(yaw), 0.0, np.cos(yaw)]])
    turn_pitch = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(pitch), np.sin(pitch)], [0.0, -np.sin(pitch), np.cos(pitch)]])
    rotation = rolled @ turn_yaw @ turn_pitch @ aimed
    return Camera(
        rotation.astype(np.float32), np.asarray(position, np.float32), float(focal), (size / 2.0, size / 2.0), size
    )
