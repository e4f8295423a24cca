"""Several predictions in one picture: photo, parts, surface coordinates, and what the colours mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw import draw, legend
from densepose_mobile.draw.text import put_text
from densepose_mobile.results import DensePoseResult

__all__ = ["Row", "contact_sheet"]

_GROUND: Final = (24, 26, 32)
_INK: Final = (226, 228, 233)
_FAINT: Final = (150, 154, 164)
_PANEL: Final = (420, 480)  # height, greatest width of one picture, px
_GAP: Final = 10
_LETTERS: Final = 10  # px, height of capitals
_LOOKS: Final = ((), ("parts", "contour"), ("uv", "contour"))


@dataclass(frozen=True)
class Row:
    """One picture of the sheet."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    result: DensePoseResult
    caption: str
    credit: str = ""


def contact_sheet(rows: Sequence[Row]) -> NDArray[np.uint8]:
    """Each picture as it is, with its parts and with its U and V (iso-lines white and dark), under a caption.

    Returns (H, W, 3) uint8 RGB.
    """
    strips = [_strip(row) for row in rows]
    key = legend(1.0)
    width = max(strip.shape[1] for strip in strips)
    height = max(sum(len(strip) + _GAP for strip in strips), len(key)) + _GAP
    sheet = np.full((height, width + key.shape[1] + 2 * _GAP, 3), _GROUND, np.uint8)
    top = _GAP
    for strip in strips:
        sheet[top : top + len(strip), _GAP : _GAP + strip.shape[1]] = strip
        top += len(strip) + _GAP
    sheet[_GAP : _GAP + len(key), -key.shape[1] :] = key
    return sheet


def _strip(row: Row) -> NDArray[np.uint8]:
    pictures = [_fit(draw(row.rgb, row.result, look)) for look in _LOOKS]
    header = 3 * _LETTERS
    height, width = pictures[0].shape[:2]
    strip = np.full((height + header, 3 * width + 2 * _GAP, 3), _GROUND, np.uint8)
    for index, picture in enumerate(pictures):
        left = index * (width + _GAP)
        strip[header:, left : left + width] = picture
    put_text(strip, row.caption, 0, 2 * _LETTERS, _LETTERS, _INK)
    if row.credit:
        put_text(strip, row.credit, width + _GAP, 2 * _LETTERS, _LETTERS, _FAINT)
    return strip


def _fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = min(_PANEL[0] / height, _PANEL[1] / width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
