"""Bringing cells of a map to pixels of the picture, as two small matrices, one an axis."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reach", "interpolate", "pixel_weights"]

_SINGLE_THREADED: Final = 200_000
"""Multiplications up to which BLAS stays on the calling thread (OpenBLAS: 2^18). Beyond, its threads wait actively and
fight with the runtime's over the cores of a busy machine: ten times slower than the single thread."""

_TILE: Final = 64  # px


def pixel_weights(
    low: float, high: float, cells: int, within: tuple[int, int], size: int
) -> tuple[int, NDArray[np.float32]]:
    """Weights of cells in pixels, along one axis.

    low, high: px, where the first cell begins and the last one ends; may lie outside of the picture.
    within: first and last cell whose pixels are asked for. size: px of the picture.
    Cells larger than a pixel are interpolated linearly between their centres, the outermost halves repeating the edge;
    smaller ones are averaged with a tent two pixels wide.

    Returns the first pixel and (n, cells) weights of the n pixels, whose rows sum to one; n may be 0.
    """
    pitch = (high - low) / cells  # px
    reach = max(1.0, 1.0 / pitch)  # cells
    start = max(low, low + (within[0] + 0.5 - reach) * pitch)
    end = min(high, low + (within[1] + 0.5 + reach) * pitch)
    first, stop = max(math.ceil(start - 0.5), 0), min(math.floor(end - 0.5) + 1, size)
    position = np.clip((np.arange(first, max(stop, first)) + 0.5 - low) / pitch - 0.5, 0, cells - 1)
    weights = np.maximum(1 - np.abs(position[:, None] - np.arange(cells)) / reach, 0)
    return first, (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def interpolate(
    wy: NDArray[np.float32], planes: NDArray[np.float32], wx: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """`wy @ planes @ wx.T` without waking BLAS's threads.

    wy: (h, R), wx: (w, S): from `pixel_weights`, or parts of it. planes: (C, R, S). out: (C, h, w), C-contiguous,
    overwritten.
    """
    channels, height, width = out.shape
    narrow = np.empty((channels, height, wx.shape[1]), np.float32)
    for plane, target in zip(planes, narrow, strict=True):
        _matmul(wy, plane, target)
    flat, wide = narrow.reshape(channels * height, wx.shape[1]), out.reshape(channels * height, width)
    for left in range(0, width, _TILE):
        # The weights are a band: a tile of pixels takes from few cells.
        tile = wx[left : left + _TILE]
        first, last = int((tile[0] > 0).argmax()), tile.shape[1] - int((tile[-1, ::-1] > 0).argmax())
        _matmul(flat[:, first:last], tile[:, first:last].T, wide[:, left : left + _TILE])


def _matmul(a: NDArray[np.float32], b: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    step = max(_SINGLE_THREADED // max(b.size, 1), 1)
    for top in range(0, len(a), step):
        np.matmul(a[top : top + step], b, out=out[top : top + step])


class Reach:
    """Which pixels a range of cells weighs in, along one axis, and which cells those pixels take from.

    weights: (n, M) from `pixel_weights`, or consecutive rows of it; n >= 1.
    """

    def __init__(self, weights: NDArray[np.float32]) -> None:
        linked = weights > 0  # a band: both ends rise from row to row
        count, cells = linked.shape
        reached = linked.any(0)
        self._first_pixel = np.where(reached, linked.argmax(0), count)
        self._last_pixel = np.where(reached, count - 1 - linked[::-1].argmax(0), -1)
        self._first_cell = linked.argmax(1)
        self._last_cell = cells - 1 - linked[:, ::-1].argmax(1)

    def around(self, first: int, last: int) -> tuple[slice, slice]:
        """Pixels that cells first..last - 1 reach, and the cells that those pixels take from; maybe none."""
        begin, end = int(self._first_pixel[first:last].min()), int(self._last_pixel[first:last].max()) + 1
        if begin >= end:
            return slice(0, 0), slice(0, 0)
        return slice(begin, end), slice(int(self._first_cell[begin]), int(self._last_cell[end - 1]) + 1)
