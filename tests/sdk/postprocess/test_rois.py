"""RoI weights are RoIAlign; RoIs and crops grow about the box's centre."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile.postprocess.rois import crop_square, roi_boxes, roi_weights
from densepose_mobile.spec import ModelSpec

CELLS, STRIDE, ROI = 10, 4, 3

coordinate = st.floats(-20, 60, width=32)
box = st.tuples(coordinate, coordinate, coordinate, coordinate).map(
    lambda c: np.array([min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])], np.float32)
)


def bilinear(feature: NDArray[np.float64], y: float, x: float) -> float:
    """RoIAlign's sample: zero further than one cell outside, the border repeated within that cell."""
    height, width = feature.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = y - top, x - left
    upper = feature[top, left] * (1 - dx) + feature[top, right] * dx
    lower = feature[bottom, left] * (1 - dx) + feature[bottom, right] * dx
    return float(upper * (1 - dy) + lower * dy)


def roi_align(feature: NDArray[np.float64], box: NDArray[np.float32]) -> NDArray[np.float64]:
    x0, y0, x1, y1 = (float(c) / STRIDE - 0.5 for c in box)
    pooled = np.zeros((ROI, ROI))
    for row, column, i, j in np.ndindex(ROI, ROI, 2, 2):
        y = y0 + (y1 - y0) * (row + (i + 0.5) / 2) / ROI
        x = x0 + (x1 - x0) * (column + (j + 0.5) / 2) / ROI
        pooled[row, column] += bilinear(feature, y, x) / 4
    return pooled


@given(box)
@settings(max_examples=60)
def test_weights_pool_as_roi_align(roi: NDArray[np.float32]) -> None:
    feature = np.random.default_rng(0).normal(size=(CELLS, CELLS))
    wy, wx = roi_weights(roi[None], CELLS, STRIDE, ROI)
    np.testing.assert_allclose(wy[0] @ feature @ wx[0].T, roi_align(feature, roi), atol=1e-4)


def test_weights_equal_torchvision() -> None:
    torch = pytest.importorskip("torch")
    ops = pytest.importorskip("torchvision.ops")
    spec = ModelSpec()
    cells = spec.detect_size // spec.feature_stride
    rng = np.random.default_rng(1)
    corner = rng.uniform(-60, 300, (16, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 260, (16, 2))], axis=1).astype(np.float32)
    feature = rng.normal(size=(3, cells, cells)).astype(np.float32)
    wy, wx = roi_weights(boxes, cells, spec.feature_stride, spec.roi_size)
    ours = np.einsum("nrh,chw,nsw->ncrs", wy, feature, wx)
    rois = torch.from_numpy(np.concatenate([np.zeros((16, 1), np.float32), boxes], axis=1))
    theirs = ops.roi_align(torch.from_numpy(feature)[None], rois, spec.roi_size, 1 / spec.feature_stride, 2, True)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-4)


def test_weights_read_a_ramp_at_the_centres_of_the_cells() -> None:
    """A linear feature is pooled exactly: half a pixel of shift would show as an eighth of a cell."""
    ramp = np.tile((np.arange(CELLS) + 0.5) * STRIDE, (CELLS, 1))  # each cell holds the x of its centre in px
    wy, wx = roi_weights(np.array([[8.0, 8.0, 32.0, 32.0]]), CELLS, STRIDE, ROI)
    np.testing.assert_allclose(wy[0] @ ramp @ wx[0].T, np.tile([12.0, 20.0, 28.0], (ROI, 1)), atol=1e-5)


def test_no_boxes_no_weights() -> None:
    wy, wx = roi_weights(np.zeros((0, 4)), CELLS, STRIDE, ROI)
    assert wy.shape == wx.shape == (0, ROI, CELLS)


@given(box)
def test_roi_keeps_the_centre_and_covers_the_box(person: NDArray[np.float32]) -> None:
    spec = ModelSpec()
    (roi,) = roi_boxes(person[None], spec)
    size = roi[2:] - roi[:2]
    np.testing.assert_allclose(roi[:2] + roi[2:], person[:2] + person[2:], atol=1e-3)
    assert (size + 1e-3 >= (person[2:] - person[:2]) * spec.roi_margin).all()
    assert size.min() >= size.max() * spec.roi_min_aspect - 1e-3
    assert size.min() >= spec.feature_stride - 1e-3


def test_slender_roi_is_widened() -> None:
    (roi,) = roi_boxes(np.array([[100.0, 0.0, 110.0, 200.0]]), ModelSpec(roi_margin=1.0))
    np.testing.assert_allclose(roi, [55, 0, 155, 200])


@pytest.mark.parametrize("shape", [(4,), (1, 4)])
def test_crop_is_a_square_around_the_box(shape: tuple[int, ...]) -> None:
    crop = crop_square(np.array([10.0, 20.0, 30.0, 100.0]).reshape(shape), ModelSpec(track_margin=1.25))
    np.testing.assert_allclose(crop, np.array([-30, 10, 70, 110]).reshape(shape))


def test_crop_of_a_degenerate_box_has_an_area() -> None:
    crop = crop_square(np.array([5.0, 5.0, 5.0, 5.0]), ModelSpec())
    assert (crop[2:] > crop[:2]).all()
