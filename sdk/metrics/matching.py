"""Which prediction is which annotated person."""

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.postprocess import box_iou

__all__ = ["covered_by", "match_boxes"]


def match_boxes(predicted: NDArray[np.floating], truth: NDArray[np.floating], least: float = 0.5) -> NDArray[np.intp]:
    """One-to-one pairs of boxes with an IoU of at least `least`: the best pair first, then the best of what is left.

    predicted: (D, 4), truth: (G, 4) xyxy, same frame. Scores play no part; of equal pairs the earlier prediction.

    Returns (G,) for each truth the row of its prediction, or -1.
    """
    iou = box_iou(truth, predicted)
    pairs = np.full(len(iou), -1, np.intp)
    if not iou.size:
        return pairs
    for flat in np.argsort(-iou.T.ravel(), kind="stable"):
        row, column = flat % len(iou), flat // len(iou)
        if iou[row, column] < least:
            break
        if pairs[row] < 0 and column not in pairs:
            pairs[row] = column
    return pairs


def covered_by(predicted: NDArray[np.floating], regions: NDArray[np.floating]) -> NDArray[np.float32]:
    """Fraction of each predicted box (D, 4) that lies in each region (G, 4), both xyxy. Returns (D, G) float32."""
    predicted = np.asarray(predicted, np.float32).reshape(-1, 1, 4)
    regions = np.asarray(regions, np.float32).reshape(1, -1, 4)
    low, high = np.maximum(predicted[..., :2], regions[..., :2]), np.minimum(predicted[..., 2:], regions[..., 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    area = np.prod(np.maximum(predicted[..., 2:] - predicted[..., :2], 0), axis=-1)
    return np.divide(shared, area, out=np.zeros_like(shared), where=area > 0).astype(np.float32)
