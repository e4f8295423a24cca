"""Who is worth a second look, at a crop of their own."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.postprocess.rois import crop_square
from densepose_mobile.spec import ModelSpec

__all__ = ["WORTHWHILE", "closer_looks"]

WORTHWHILE: Final = 1.25
"""How much finer a crop must show a person than the whole picture did."""


def closer_looks(boxes: NDArray[np.float32], scale: float, spec: ModelSpec) -> list[int]:
    """Rows of the boxes (N, 4) xyxy px of the picture whose crops are worthwhile, the largest box first.

    scale: px of `detect`'s input per px of the picture. Enlarging adds no detail, hence neither look counts as finer
    than the picture itself.
    """
    squares = crop_square(boxes, spec)
    before = min(scale, 1.0)
    after = np.minimum(spec.track_size / (squares[:, 2] - squares[:, 0]), 1.0)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    largest_first = np.argsort(-area, kind="stable")
    return [int(row) for row in largest_first if after[row] >= WORTHWHILE * before]
