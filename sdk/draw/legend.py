"""What the colours mean, as a panel beside the picture."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw.palette import PALETTE
from densepose_mobile.draw.text import put_text, text_width
from densepose_mobile.parts import MIRROR, PART_NAMES

__all__ = ["add_legend", "legend", "legend_rows"]

_PANEL: Final = (24, 26, 32)
_INK: Final = (226, 228, 233)
_FAINT: Final = (150, 154, 164)
_ROWS: Final = (2, 1, 24, 17, 15, 21, 19, 4, 10, 8, 14, 12, 5)  # torso, then the left part of each pair, head to foot


def legend_rows() -> list[tuple[str, int, int]]:
    """What a legend lists, head to foot: name, part of the person's right side, part of the left; one part has both."""
    return [(_name(part), int(MIRROR[part]), part) for part in _ROWS]


def legend(scale: float = 1.0) -> NDArray[np.uint8]:
    """A panel with the name and colours of every part, the person's right and left side apart.

    scale: 1 gives a panel of about 240 x 390 px. Returns (h, w, 3) uint8 RGB.
    """
    letters = max(round(10 * scale), 6)
    pad, row, swatch = 2 * letters, round(2.6 * letters), round(3.4 * letters)
    rows = legend_rows()
    left = pad + max(text_width(name, letters) for name, *_ in rows) + pad
    height, width = pad * 2 + row * (len(rows) + 1), left + 2 * swatch + letters // 2 + pad
    panel = np.full((height, width, 3), _PANEL, np.uint8)
    columns = (left, left + swatch + letters // 2)
    for column, side in zip(columns, ("right", "left"), strict=True):
        small = max(round(letters * 0.85), 5)
        put_text(panel, side, column + (swatch - text_width(side, small)) // 2, pad + row - letters // 2, small, _FAINT)
    for index, (name, mirrored, part) in enumerate(rows):
        top = pad + (index + 1) * row
        put_text(panel, name, pad, top + (row + letters) // 2 - 1, letters, _INK)
        bar = slice(top + row // 8, top + row - row // 8)
        if mirrored == part:
            panel[bar, columns[0] : columns[1] + swatch] = PALETTE[part]
        else:
            panel[bar, columns[0] : columns[0] + swatch] = PALETTE[mirrored]
            panel[bar, columns[1] : columns[1] + swatch] = PALETTE[part]
    return panel


def add_legend(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with the panel at its right. picture: (H, W, 3) uint8. Returns (max(H, panel), W + panel, 3)."""
    panel = legend(min(max(picture.shape[0] / 480, 0.8), 8.0))
    height = max(len(picture), len(panel))
    joined = np.full((height, picture.shape[1] + panel.shape[1], 3), _PANEL, np.uint8)
    joined[: len(picture), : picture.shape[1]] = picture
    top = (height - len(panel)) // 2
    joined[top : top + len(panel), picture.shape[1] :] = panel
    return joined


def _name(part: int) -> str:
    return PART_NAMES[part].replace("left ", "").replace(" half", "").replace(" left", "").replace(" side", "")
