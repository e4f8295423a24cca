"""Keypoints and other points that move with their picture: mirrored, windowed, warped, cut off, covered."""

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.metrics.keypoints import KEYPOINT_MIRROR

__all__ = ["cut_keypoints", "hide_keypoints", "mirror_keypoints", "moved", "placed"]


def mirror_keypoints(keypoints: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Keypoints (..., 17, 3) x, y, visibility of the mirrored picture: left and right ones change places."""
    mirrored = keypoints[..., KEYPOINT_MIRROR, :].copy()
    mirrored[..., 0] = width - mirrored[..., 0]
    return mirrored


def moved(points: NDArray[np.float32], x: float, y: float) -> NDArray[np.float32]:
    """Points (..., 2 or more) in a window whose corner is x, y."""
    moved = points.copy()
    moved[..., :2] -= np.array([x, y], np.float32)
    return moved


def placed(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Points (..., 2 or more) of the picture in the frame that `matrix` (2, 3) maps to the picture."""
    placed = points.copy()
    placed[..., :2] = (points[..., :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    return placed


def cut_keypoints(keypoints: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Keypoints (..., 17, 3), the unknown ones and those beyond the frame all zeros."""
    x, y, visibility = np.moveaxis(keypoints, -1, 0)
    inside = (visibility > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.where(inside[..., None], keypoints, 0).astype(np.float32)


def hide_keypoints(keypoints: NDArray[np.float32], covered: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Keypoints (P, 17, 3), those that were seen (2) and are covered (H, W) now hidden (1)."""
    column, row = np.moveaxis(np.floor(keypoints[..., :2]).astype(np.intp), -1, 0)
    under = covered[row.clip(0, covered.shape[0] - 1), column.clip(0, covered.shape[1] - 1)]
    hidden = keypoints.copy()
    hidden[under & (keypoints[..., 2] == 2), 2] = 1
    return hidden
