"""The piece of picture that a style paints at a time: one person, or a strip of one who fills a huge picture."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.results import Person

__all__ = ["Patch", "blur", "patches", "stroke_unit"]

_STRIP_PIXELS: Final = 1 << 22  # bounds the memory of the float arrays that a style needs

_FINE_SIGMA: Final = 1.5  # px of the smaller copy


@dataclass(frozen=True)
class Patch:
    """A window on the picture with what one person shows in it."""

    rgb: NDArray[np.float32]  # (h, w, 3) 0..255
    part: NDArray[np.uint8]  # (h, w) 0..24
    uv: NDArray[np.float32]  # (2, h, w) 0..1
    unit: float  # px: thickness of a fine line that suits the person's size

    @property
    def mask(self) -> NDArray[np.float32]:
        """(h, w) 1 on the person, 0 beside."""
        return (self.part > 0).astype(np.float32)


def stroke_unit(box: NDArray[np.float32], height: int, width: int) -> float:
    """px: about 1 at screen size, larger in large pictures, never out of proportion to the person."""
    person = max(float(box[2] - box[0]), float(box[3] - box[1]))
    return min(max(person / 400, 0.7), max(max(height, width) / 900, 0.8))


def patches(
    canvas: NDArray[np.uint8], person: Person
) -> Iterator[tuple[Patch, tuple[slice, slice], tuple[slice, slice]]]:
    """The person's window and a margin for strokes, in strips: patch, its core, and where that lies on the canvas.

    All patches are read before any core is to be written: strips share their margins.
    """
    height, width = canvas.shape[:2]
    unit = stroke_unit(person.box, height, width)
    margin = math.ceil(5 * unit) + 2
    rows, columns = person.window
    x0, x1 = max(columns.start - margin, 0), min(columns.stop + margin, width)
    y0, y1 = max(rows.start - margin, 0), min(rows.stop + margin, height)
    step = max(_STRIP_PIXELS // max(x1 - x0, 1), 4 * margin)
    for top in range(y0, y1, step):
        bottom = min(top + step, y1)
        first, last = max(top - margin, 0), min(bottom + margin, height)
        part = np.zeros((last - first, x1 - x0), np.uint8)
        uv = np.zeros((2, last - first, x1 - x0), np.float32)
        low, high = max(first, rows.start), min(last, rows.stop)
        if low < high:
            down, across = slice(low - first, high - first), slice(columns.start - x0, columns.stop - x0)
            there = slice(low - rows.start, high - rows.start)
            part[down, across] = person.part[there]
            uv[:, down, across] = person.uv[:, there]
        patch = Patch(canvas[first:last, x0:x1].astype(np.float32), part, uv, unit)
        yield patch, (slice(top - first, bottom - first), slice(None)), (slice(top, bottom), slice(x0, x1))


def blur(array: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of an (h, w) or (h, w, C) array, sigma in px. Wide ones are done on a smaller copy."""
    height, width = array.shape[:2]
    shrink = int(min(sigma / _FINE_SIGMA, height, width))
    if shrink < 2:
        return np.asarray(cv2.GaussianBlur(array, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    size = (-(-width // shrink), -(-height // shrink))
    small = cv2.resize(array, size, interpolation=cv2.INTER_AREA)
    # Averaging over the cell and interpolating between cells blur as well: by 1/12 and 1/6 of a cell squared.
    rest = float(np.sqrt((sigma / shrink) ** 2 - 1 / 12 - 1 / 6))
    small = cv2.GaussianBlur(small, (0, 0), rest, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
