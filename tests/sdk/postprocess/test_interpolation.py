"""Cells to pixels along one axis, and both together."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from densepose_mobile.postprocess.interpolation import Reach, interpolate, pixel_weights

edge = st.floats(-50, 150)
span = st.floats(0.5, 300)


@given(edge, span, st.integers(2, 12))
def test_enlarging_is_linear_interpolation_between_cell_centres(low: float, size: float, cells: int) -> None:
    first, weights = pixel_weights(low, low + size, cells, (0, cells - 1), 100)
    centres = low + (np.arange(cells) + 0.5) * size / cells
    values = np.random.default_rng(cells).normal(size=cells)
    pixels = first + np.arange(len(weights)) + 0.5
    if size >= cells:
        np.testing.assert_allclose(weights @ values, np.interp(pixels, centres, values), atol=1e-4)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)


@given(edge, span, st.integers(2, 12))
def test_pixels_are_those_of_the_picture_within_the_map(low: float, size: float, cells: int) -> None:
    first, weights = pixel_weights(low, low + size, cells, (0, cells - 1), 100)
    centres = np.arange(100) + 0.5
    inside = np.flatnonzero((centres >= low) & (centres <= low + size))
    np.testing.assert_array_equal(first + np.arange(len(weights)), inside)


def test_shrinking_averages() -> None:
    """Eight cells a pixel: each counts, none is skipped, and a ramp keeps its place."""
    first, weights = pixel_weights(10.0, 20.0, 80, (0, 79), 100)
    assert (first, len(weights)) == (10, 10)
    assert (weights[1:-1].sum(0)[12:68] > 0).all()
    ramp = 10 + (np.arange(80) + 0.5) / 8
    np.testing.assert_allclose(weights[1:-1] @ ramp, np.arange(11, 19) + 0.5, atol=1e-4)


def test_only_pixels_of_the_asked_cells() -> None:
    first, weights = pixel_weights(0.0, 100.0, 10, (3, 4), 100)
    assert (first, len(weights)) == (25, 30)  # from the centre of cell 2 to that of cell 5


@pytest.mark.parametrize("size", [(3, 4), (700, 900), (130, 64), (20, 0)])
@pytest.mark.parametrize("cells", [1, 7, 56])
def test_interpolate_is_two_matrices(size: tuple[int, int], cells: int) -> None:
    planes = np.random.default_rng(0).normal(size=(2, cells, cells)).astype(np.float32)
    (_, wy), (_, wx) = (pixel_weights(-3.3, n + 4.4, cells, (0, cells - 1), n) for n in size)
    out = np.full((2, *size), np.nan, np.float32)
    interpolate(wy, planes, wx, out)
    np.testing.assert_allclose(out, wy @ planes @ wx.T, atol=1e-4)


@given(edge, span, st.integers(1, 9), st.data())
def test_reach_is_what_the_weights_say(low: float, size: float, cells: int, data: st.DataObject) -> None:
    _, weights = pixel_weights(low, low + size, cells, (0, cells - 1), 100)
    assume(len(weights))
    first = data.draw(st.integers(0, cells - 1))
    last = data.draw(st.integers(first + 1, cells))
    pixels, taken = Reach(weights).around(first, last)
    expected = np.flatnonzero(weights[:, first:last].any(1))
    np.testing.assert_array_equal(np.arange(len(weights))[pixels], expected)
    assert not np.delete(weights[pixels], np.arange(cells)[taken], axis=1).any()
