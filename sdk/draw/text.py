"""Small smooth text, the same with every version of OpenCV."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["put_text", "text_width"]

_SUPER: Final = 4  # drawn this much larger, then averaged down
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


def text_width(text: str, height: int) -> int:
    """px that `text` takes when its capitals are `height` px tall."""
    (width, _), _ = cv2.getTextSize(text, _FONT, _scale(height), _stroke(height))
    return -(-width // _SUPER)


def put_text(
    canvas: NDArray[np.uint8], text: str, left: int, base: int, height: int, colour: tuple[int, int, int]
) -> None:
    """Write on the canvas, in place. left, base: px, where the base line starts. height: px of capitals. Clipped."""
    scale, stroke = _scale(height), _stroke(height)
    (width, above), below = cv2.getTextSize(text, _FONT, scale, stroke)
    pad = 2 * _SUPER
    columns, rows = -(-(width + 2 * pad) // _SUPER), -(-(above + below + 2 * pad) // _SUPER)
    large = np.zeros((rows * _SUPER, columns * _SUPER), np.uint8)
    cv2.putText(large, text, (pad, pad + above), _FONT, scale, 255, stroke, cv2.LINE_AA)
    cover = cv2.resize(large, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    x, y = left - pad // _SUPER, base - (pad + above) // _SUPER
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + columns, canvas.shape[1]), min(y + rows, canvas.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    cover = cover[y0 - y : y1 - y, x0 - x : x1 - x, None]
    under = canvas[y0:y1, x0:x1]
    under[:] = np.rint(under * (1 - cover) + np.array(colour, np.float32) * cover).astype(np.uint8)


def _scale(height: int) -> float:
    return max(height, 1) * _SUPER / 21.0  # capitals of this font are 21 px tall at scale 1


def _stroke(height: int) -> int:
    return max(round(height * _SUPER / 11), 1)
