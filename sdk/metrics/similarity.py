"""Geodesic point similarity: how near a predicted surface point is to the true one, on the body.

Güler et al., DensePose, CVPR 2018, section 3.2; kappa by part as in later versions of that measure.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.results import Person

__all__ = ["Distances", "Geodesics", "geodesic_similarity", "look_up", "mask_iou"]


class Distances(Protocol):
    """Distances on the body."""

    def geodesic(
        self,
        part_a: NDArray[np.uint8],
        uv_a: NDArray[np.float32],
        part_b: NDArray[np.uint8],
        uv_b: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Metres along the body between points a and b (N,), infinite for part 0. part: (N,) 0..24, uv: (2, N)."""


class Geodesics(Distances, Protocol):
    """What the measures ask of the body atlas."""

    def keypoint_distance(
        self, keypoint: NDArray[np.integer], part: NDArray[np.uint8], uv: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Metres along the body from points to the regions of COCO keypoints (N,) 0..16, infinite for part 0."""


def geodesic_similarity(distance: NDArray[np.floating], kappa: NDArray[np.floating]) -> NDArray[np.float32]:
    """exp(-d² / (2 kappa²)), 0..1, of distances in metres; an infinite distance gives 0."""
    return np.exp(-0.5 * np.square(np.asarray(distance, np.float64) / kappa)).astype(np.float32)


def look_up(
    person: Person, xy: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """A person's part (N,), uv (2, N) and confidence (N,) at points xy (N, 2) px; part 0 outside of the box."""
    column, row = np.floor(np.asarray(xy, np.float64)).astype(np.intp).T - person.box[:2, None].astype(np.intp)
    height, width = person.part.shape
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    if not height or not width:
        return np.zeros(len(row), np.uint8), np.zeros((2, len(row)), np.float32), np.zeros(len(row), np.float32)
    row, column = np.where(inside, row, 0), np.where(inside, column, 0)
    part = np.where(inside, person.part[row, column], 0).astype(np.uint8)
    return part, person.uv[:, row, column] * (part > 0), person.confidence[row, column] * (part > 0)


def mask_iou(person: Person, mask: NDArray[np.bool_]) -> float:
    """IoU of the person's predicted pixels with a mask (H, W); 0 when both are empty."""
    rows, columns = person.window
    shared = int((mask[rows, columns] & person.mask).sum())
    union = int(mask.sum()) + int(person.mask.sum()) - shared
    return shared / union if union else 0.0
