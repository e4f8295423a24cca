"""Which boxes of `detect` are people."""

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.postprocess.decode import decode_boxes, sigmoid
from densepose_mobile.postprocess.nms import nms
from densepose_mobile.spec import ModelSpec

__all__ = ["select_people"]


def select_people(
    logits: NDArray[np.float32],
    distances: NDArray[np.float32],
    spec: ModelSpec,
    content: NDArray[np.float32],
    *,
    score: float,
    iou: float,
    limit: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Decode, clip to the picture, drop the unlikely and the empty, suppress overlaps.

    logits: (num_locations,). distances: (num_locations, 4) left, top, right, bottom in strides.
    content: (4,) xyxy px of `detect`'s input that the picture covers; the rest is padding.
    score: smallest probability. iou: largest overlap of two people's boxes. limit: most people.

    Returns boxes (N, 4) xyxy px of `detect`'s input and scores (N,), best first.
    """
    scores = sigmoid(logits)
    likely = scores >= score
    boxes = decode_boxes(distances, spec)[likely]
    scores = scores[likely]
    boxes = np.clip(boxes, np.tile(content[:2], 2), np.tile(content[2:], 2))
    some = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)  # False for NaN
    boxes, scores = boxes[some], scores[some]
    kept = nms(boxes, scores, iou, limit)
    return boxes[kept], scores[kept]
