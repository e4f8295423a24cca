"""Regions of interest: the box that is pooled, its separable pooling weights, and the square crop of `track`."""

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.spec import ModelSpec

__all__ = ["crop_square", "roi_boxes", "roi_weights"]

_SAMPLES = 2  # bilinear samples per RoI cell and axis (RoIAlign's sampling ratio)


def roi_weights(
    boxes: NDArray[np.floating], cells: int, stride: int, roi_size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pooling weights such that `wy @ features @ wx.T` is RoIAlign (aligned, two samples a cell and axis).

    RoIAlign of an axis-aligned box is separable: bilinear interpolation is a product of two tents, and so is the
    average over a cell's samples (He et al., Mask R-CNN, 2017, section 3).

    boxes: (N, 4) xyxy px of the network input; may reach outside of it, where features count as zero.
    cells: side of the square feature map. stride: px per feature cell. roi_size: cells of the pooled RoI.

    Returns wy, wx: (N, roi_size, cells) each.
    """
    edges = np.asarray(boxes, np.float64).reshape(-1, 2, 2).transpose(2, 0, 1) / stride - 0.5  # (axis, N, lo/hi)
    low, high = edges[..., :1], edges[..., 1:]
    fraction = (np.arange(roi_size * _SAMPLES) + 0.5) / (roi_size * _SAMPLES)
    position = low + (high - low) * fraction  # (axis, N, roi_size * samples), in cells; cell centres are whole
    inside = (position >= -1) & (position <= cells)
    position = np.clip(position, 0, cells - 1)
    tent = np.maximum(1 - np.abs(position[..., None] - np.arange(cells)), 0) * inside[..., None]
    weights = tent.reshape(2, -1, roi_size, _SAMPLES, cells).mean(3).astype(np.float32)
    return weights[1], weights[0]


def roi_boxes(boxes: NDArray[np.floating], spec: ModelSpec) -> NDArray[np.float32]:
    """RoIs of detected boxes: grown by `roi_margin` about the centre, slender ones widened to `roi_min_aspect`.

    boxes: (N, 4) xyxy px of `detect`'s input. An RoI is at least one feature cell wide and high, so that a degenerate
    box still pools something, and may reach outside of the picture.

    Returns (N, 4) float32 xyxy px of `detect`'s input.
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 0) * spec.roi_margin
    shortest = np.maximum(size.max(1, keepdims=True) * spec.roi_min_aspect, spec.feature_stride)
    return _around((boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(size, shortest))


def crop_square(boxes: NDArray[np.floating], spec: ModelSpec) -> NDArray[np.float32]:
    """Squares that `track` looks at: centred on each box, `track_margin` times its longer side.

    boxes: (N, 4) or (4,) xyxy px, any picture frame. A square is at least one px wide and may reach outside.

    Returns float32 xyxy px in the same frame and shape.
    """
    boxes = np.asarray(boxes, np.float32)
    rows = boxes.reshape(-1, 4)
    side = np.maximum((rows[:, 2:] - rows[:, :2]).max(1, keepdims=True) * spec.track_margin, 1)
    return _around((rows[:, :2] + rows[:, 2:]) / 2, side).reshape(boxes.shape)


def _around(centre: NDArray[np.floating], size: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)
