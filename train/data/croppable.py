"""Who of a picture can be cropped, told from boxes and counts of pixels alone, before anything is decoded."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALLEST_PIXELS", "croppable", "draw_people", "least_pixels", "longer_sides"]

SMALLEST_PIXELS: Final = 60
"""Visible px below which a person is neither found nor missed."""

_SMALLEST_CROP: Final = 40.0  # px, longer side of the smallest box that is cropped
_FULL_CROP: Final = 110.0  # px, longer side from which on every person may be cropped: smaller ones become a blur
_FAINT: Final = 0.03  # visible px / area of the whole person's box, below which nobody would point at a person


def longer_sides(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """(P,) px, of boxes (P, 4) xyxy."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(1, initial=0))


def least_pixels(full_boxes: NDArray[np.float64], side: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """(P,) visible px below which a rendered person is neither found nor missed.

    full_boxes: (P, 4) xyxy px of the whole people, seen or not. side: px, (P,) or one, longer side of the picture.
    """
    most = 4 * np.reshape(side, (-1, 1))
    area = np.clip(full_boxes[:, 2:] - full_boxes[:, :2], 0, most).prod(1)
    return np.asarray(np.maximum(_FAINT * area, SMALLEST_PIXELS), np.float64)


def croppable(
    boxes: NDArray[np.floating], counts: NDArray[np.integer], least: NDArray[np.floating]
) -> NDArray[np.intp]:
    """Rows of the people that are large enough to be cropped: boxes (P, 4), counts and least (P,) as of `Scene`."""
    return np.flatnonzero((longer_sides(boxes) >= _SMALLEST_CROP) & (counts >= 3 * least))


def draw_people(rng: np.random.Generator, people: Sequence[int], sizes: Sequence[float]) -> list[int]:
    """Those people whose size wins a draw, in random order: few of the small ones. sizes: px, longer sides."""
    shares = rng.random(len(people)).tolist()
    won = [row for row, size, share in zip(people, sizes, shares, strict=True) if share < (size / _FULL_CROP) ** 2]
    return [won[place] for place in rng.permutation(len(won)).tolist()]
