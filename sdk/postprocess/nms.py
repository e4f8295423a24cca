"""Greedy non-maximum suppression of boxes."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_iou", "nms"]


def box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float32]:
    """Intersection over union of every pair. a: (N, 4), b: (M, 4) xyxy, same frame. Returns (N, M) float32.

    A box without area overlaps nothing.
    """
    a, b = np.asarray(a, np.float32).reshape(-1, 1, 4), np.asarray(b, np.float32).reshape(1, -1, 4)
    size = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0)
    shared = size[..., 0] * size[..., 1]
    union = _area(a) + _area(b) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def nms(boxes: NDArray[np.floating], scores: NDArray[np.floating], iou: float, limit: int) -> NDArray[np.intp]:
    """Rows that stay when each box suppresses the lower-scored ones that overlap it by more than `iou`.

    boxes: (N, 4) xyxy. scores: (N,). Returns at most `limit` row numbers, best first; of equal scores the earlier row.
    """
    waiting = np.argsort(-np.asarray(scores, np.float32), kind="stable")
    kept: list[np.intp] = []
    while waiting.size and len(kept) < limit:
        best = waiting[0]
        kept.append(best)
        waiting = waiting[1:]
        waiting = waiting[box_iou(boxes[best], boxes[waiting])[0] <= iou]
    return np.array(kept, np.intp)


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    size = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(size[..., 0] * size[..., 1])
