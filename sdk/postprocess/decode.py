"""From `detect`'s raw outputs to boxes and scores."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.spec import ModelSpec

__all__ = ["decode_boxes", "locations", "sigmoid"]


@lru_cache(maxsize=8)
def locations(spec: ModelSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each row of `detect`'s scores and boxes stands: levels in order, each row-major.

    Returns centres (num_locations, 2) x, y px of `detect`'s input, and strides (num_locations,) px. Read-only.
    """
    centres, strides = [], []
    for stride in spec.level_strides:
        axis = (np.arange(spec.detect_size // stride, dtype=np.float32) + 0.5) * stride
        y, x = np.meshgrid(axis, axis, indexing="ij")
        centres.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full(x.size, stride, np.float32))
    result = np.concatenate(centres), np.concatenate(strides)
    for array in result:
        array.flags.writeable = False
    return result


def decode_boxes(distances: NDArray[np.floating], spec: ModelSpec) -> NDArray[np.float32]:
    """Boxes of the distances that `detect` predicts (anchor-free, as in FCOS, Tian et al., 2019, section 3.1).

    distances: (..., num_locations, 4) left, top, right, bottom, in strides of each row's level, >= 0.

    Returns (..., num_locations, 4) float32 xyxy px of `detect`'s input, not clipped.
    """
    centres, strides = locations(spec)
    offsets = np.asarray(distances, np.float32) * strides[:, None]
    return np.concatenate([centres - offsets[..., :2], centres + offsets[..., 2:]], axis=-1)


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Probability of each logit, without overflow at either end."""
    return (0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float32)))).astype(np.float32)
