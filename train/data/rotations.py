"""Rotation matrices: from quaternions and axes, swing and twist, mirror images. All act on column vectors."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "about_axis",
    "between",
    "from_quaternions",
    "heading",
    "mirror_rotations",
    "random_rotations",
    "swing_twist",
    "twist_angle",
]


def from_quaternions(quaternions: NDArray[Any]) -> NDArray[np.float32]:
    """(..., 4) x, y, z, w, of any length but zero -> (..., 3, 3)."""
    q = np.asarray(quaternions, np.float64)
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    x, y, z, w = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    out = np.empty((*q.shape[:-1], 3, 3), np.float32)
    out[..., 0, 0] = 1 - 2 * (y * y + z * z)
    out[..., 0, 1] = 2 * (x * y - z * w)
    out[..., 0, 2] = 2 * (x * z + y * w)
    out[..., 1, 0] = 2 * (x * y + z * w)
    out[..., 1, 1] = 1 - 2 * (x * x + z * z)
    out[..., 1, 2] = 2 * (y * z - x * w)
    out[..., 2, 0] = 2 * (x * z - y * w)
    out[..., 2, 1] = 2 * (y * z + x * w)
    out[..., 2, 2] = 1 - 2 * (x * x + y * y)
    return out


def about_axis(axis: NDArray[Any], angle: NDArray[Any] | float) -> NDArray[np.float32]:
    """Rotation by `angle` (...) radians about `axis` (..., 3), of any length but zero -> (..., 3, 3)."""
    axis = np.asarray(axis, np.float64)
    half = np.asarray(angle, np.float64) / 2
    if axis.ndim == 1 and half.ndim == 0:  # most calls: without the cost of small arrays
        x, y, z = float(axis[0]), float(axis[1]), float(axis[2])
        s, w = math.sin(float(half)) / math.sqrt(x * x + y * y + z * z), math.cos(float(half))
        return _matrix(x * s, y * s, z * s, w)
    axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    return from_quaternions(np.concatenate([axis * np.sin(half)[..., None], np.cos(half)[..., None]], -1))


def _matrix(x: float, y: float, z: float, w: float) -> NDArray[np.float32]:
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )


def heading(angle: float) -> NDArray[np.float32]:
    """Turn by `angle` radians about the upright axis y -> (3, 3)."""
    return about_axis(np.array([0.0, 1.0, 0.0]), angle)


def between(source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float32]:
    """The smallest rotation that turns the direction `source` (3,) into `target` (3,) -> (3, 3)."""
    a = np.asarray(source, np.float64)
    b = np.asarray(target, np.float64)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    cosine = float(a @ b)
    if cosine < -0.999999:  # opposite: any axis across will do
        across = np.cross(a, [1.0, 0.0, 0.0] if abs(a[0]) < 0.9 else [0.0, 1.0, 0.0])
        return about_axis(across, np.pi)
    return from_quaternions(np.append(np.cross(a, b), 1 + cosine))


def twist_angle(rotation: NDArray[Any], axis: NDArray[Any]) -> float:
    """Angle in (-pi, pi] by which `rotation` (3, 3) turns about the unit `axis` (3,)."""
    # sin and cos up to one common factor: the vector part of the quaternion along the axis, and its scalar part
    skew = np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]], np.float64
    )
    trace = float(np.trace(rotation))
    w = np.sqrt(max(0.0, 1 + trace)) / 2
    if w > 1e-2:
        return float(2 * np.arctan2(skew @ axis / (4 * w), w))
    # half a turn: its own axis, projected
    values = np.asarray(rotation, np.float64) + np.eye(3)
    own = values[:, int(np.argmax(np.diag(values)))]
    own = own / np.linalg.norm(own)
    return float(2 * np.arctan2(own @ axis, w))


def swing_twist(rotation: NDArray[Any], axis: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
    """`rotation` (3, 3) = swing @ about_axis(axis, twist), where the swing does not turn about the unit `axis`."""
    twist = twist_angle(rotation, axis)
    return (np.asarray(rotation) @ about_axis(axis, -twist)).astype(np.float32), twist


def mirror_rotations(rotations: NDArray[Any]) -> NDArray[np.float32]:
    """(..., 3, 3) seen in a mirror that swaps +x and -x."""
    return (rotations * np.array([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]], np.float32)).astype(np.float32)


def random_rotations(rng: np.random.Generator, degrees: NDArray[Any]) -> NDArray[np.float32]:
    """Rotations about random axes by normal angles of the given standard deviations (N,) degrees -> (N, 3, 3)."""
    axis = rng.normal(size=(len(degrees), 3))
    return about_axis(axis, rng.normal(size=len(degrees)) * np.radians(degrees))
