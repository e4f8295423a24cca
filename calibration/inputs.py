"""Inputs of each graph from plain pictures, through the same steps as on the device."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.imaging import crop_input, network_input
from densepose_mobile.postprocess.decode import decode_boxes, sigmoid
from densepose_mobile.postprocess.nms import nms
from densepose_mobile.postprocess.rois import crop_square, roi_boxes, roi_weights
from densepose_mobile.runtime import Graph
from densepose_mobile.spec import ModelSpec

__all__ = ["GraphInputs", "dense_inputs", "detect_inputs", "person_boxes", "track_inputs"]

GraphInputs = tuple[NDArray[np.float32], ...]
"""Arrays of one call, in the order of the graph's spec."""

_SCORE: Final = 0.3
_OVERLAP: Final = 0.6
_JITTER: Final = 0.12  # of the box's sides: the detector's own inaccuracy, somewhat exaggerated


def detect_inputs(spec: ModelSpec, pictures: Iterable[NDArray[np.uint8]]) -> Iterator[GraphInputs]:
    """One call of `detect` for each picture, (H, W, 3) uint8 RGB."""
    for picture in pictures:
        yield (network_input(picture, spec.detect_size)[0],)


def dense_inputs(
    spec: ModelSpec,
    pictures: Iterable[NDArray[np.uint8]],
    detect: Graph,
    rois: int,
    per_picture: int = 4,
    seed: int = 0,
) -> Iterator[GraphInputs]:
    """Calls of `dense_{rois}`: `per_picture` RoIs of each picture, which `rois` must divide.

    detect: the float graph, whose features and boxes are used. The same seed gives the same RoIs for every `rois`, so
    that graphs of different batch are quantised alike.
    """
    if per_picture % rois:
        raise ValueError(f"per_picture {per_picture} is not a multiple of {rois} RoIs")
    rng = np.random.default_rng(seed)
    cells = spec.detect_size // spec.feature_stride
    for picture in pictures:
        features, scores, distances = detect(network_input(picture, spec.detect_size)[0])
        boxes = person_boxes(spec, scores, distances, per_picture, rng)
        wy, wx = roi_weights(roi_boxes(boxes, spec), cells, spec.feature_stride, spec.roi_size)
        for i in range(0, per_picture, rois):
            yield features, wy[i : i + rois], wx[i : i + rois]


def track_inputs(
    spec: ModelSpec, pictures: Iterable[NDArray[np.uint8]], detect: Graph, per_picture: int = 2, seed: int = 0
) -> Iterator[GraphInputs]:
    """Calls of `track`: crops about `per_picture` boxes of each picture."""
    rng = np.random.default_rng(seed)
    for picture in pictures:
        image, letterbox = network_input(picture, spec.detect_size)
        _, scores, distances = detect(image)
        for box in person_boxes(spec, scores, distances, per_picture, rng):
            yield (crop_input(picture, crop_square(letterbox.from_network(box), spec), spec.track_size)[0],)


def person_boxes(
    spec: ModelSpec,
    scores: NDArray[np.float32],
    distances: NDArray[np.float32],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """`count` boxes where people are, from `detect`'s raw outputs.

    The best detections come first; jittered copies of them, or of a box in the middle of a picture without anybody,
    fill the rest. Returns (count, 4) float32 xyxy px of `detect`'s input.
    """
    probability = sigmoid(scores[0, :, 0])
    boxes = decode_boxes(distances[0], spec)
    likely = np.flatnonzero(probability > _SCORE)
    kept = likely[nms(boxes[likely], probability[likely], _OVERLAP, count)]
    size = float(spec.detect_size)
    found = boxes[kept] if kept.size else np.array([[0.3, 0.15, 0.7, 0.85]], np.float32) * np.float32(size)
    copies = found[np.arange(count - len(found)) % len(found)]
    sides = np.tile(copies[:, 2:] - copies[:, :2], 2)
    jittered = copies + rng.uniform(-_JITTER, _JITTER, copies.shape) * sides
    return np.concatenate([found, jittered]).astype(np.float32)
