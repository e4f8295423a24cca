"""Boxes with their scores, and with their numbers and colours where people are followed."""

import colorsys
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw.patch import stroke_unit
from densepose_mobile.draw.text import put_text, text_width
from densepose_mobile.results import DensePoseResult

__all__ = ["paint_boxes", "track_colour"]

_WHITE: Final = (255, 255, 255)
_DARK: Final = (20, 22, 30)
_GOLDEN: Final = 0.618034  # of a turn: neighbouring numbers get hues that lie far apart


def track_colour(track: int) -> tuple[int, int, int]:
    """RGB of a followed person's frame: the same for the same number, light enough for dark letters."""
    red, green, blue = colorsys.hsv_to_rgb((track * _GOLDEN) % 1, 0.45 if track % 2 else 0.65, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def paint_boxes(canvas: NDArray[np.uint8], result: DensePoseResult) -> None:
    """Frame each person and write the score at the box's corner, in place. canvas: (H, W, 3) uint8 RGB.

    People who are followed get a colour of their own, and their number before the score: "#3 0.72".
    """
    height, width = canvas.shape[:2]
    for person in reversed(result.people):
        unit = stroke_unit(person.box, height, width)
        line = max(round(1.6 * unit), 1)
        x0, y0, x1, y1 = (round(float(value)) for value in person.box)
        x0, y0 = max(x0, line // 2), max(y0, line // 2)
        x1, y1 = min(x1 - 1, width - 1 - line // 2), min(y1 - 1, height - 1 - line // 2)
        radius = max(min(round(7 * unit), (x1 - x0) // 2, (y1 - y0) // 2), 0)
        corners = _rounded((x0, y0, x1, y1), radius)
        _shade(canvas, corners, line + 2 * max(round(unit), 1))
        colour = _WHITE if person.track is None else track_colour(person.track)
        number = "" if person.track is None else f"#{person.track} "
        cv2.polylines(canvas, [corners], True, colour, line, cv2.LINE_AA)
        _tag(canvas, f"{number}{person.score:.2f}", x0, y0, unit, colour)


def _tag(canvas: NDArray[np.uint8], text: str, x: int, y: int, unit: float, colour: tuple[int, int, int]) -> None:
    letters = max(round(9 * max(unit, 1)), 7)
    pad = max(letters // 2, 3)
    tall, wide = letters + 2 * pad, text_width(text, letters) + 2 * pad
    left = max(min(x, canvas.shape[1] - wide), 0)
    top = y - tall if y >= tall else y
    cv2.fillPoly(canvas, [_rounded((left, top, left + wide, top + tall), max(pad - 1, 0))], colour, cv2.LINE_AA)
    put_text(canvas, text, left + pad, top + pad + letters, letters, _DARK)


def _shade(canvas: NDArray[np.uint8], corners: NDArray[np.int32], line: int) -> None:
    """Darken the picture under a frame, so that the frame shows on white too. Only the frame's strips are copied."""
    height, width = canvas.shape[:2]
    (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
    inner_y0, inner_y1 = min(y0 + line, height), max(y1 - line, min(y0 + line, height))
    strips = (
        (slice(max(y0 - line, 0), inner_y0), slice(None)),
        (slice(inner_y1, min(y1 + line, height) + 1), slice(None)),
        (slice(inner_y0, inner_y1), slice(max(x0 - line, 0), min(x0 + line, width))),
        (slice(inner_y0, inner_y1), slice(max(x1 - line, x0 + line, 0), min(x1 + line, width))),
    )
    for rows, columns in strips:
        under = canvas[rows, columns]
        if under.size:
            over = np.ascontiguousarray(under)
            offset = np.array([columns.start or 0, rows.start], np.int32)
            cv2.polylines(over, [corners - offset], True, _DARK, line, cv2.LINE_AA)
            under[:] = cv2.addWeighted(under, 0.5, over, 0.5, 0)


def _rounded(box: tuple[int, int, int, int], radius: int) -> NDArray[np.int32]:
    """(N, 2) corners of a rectangle with round corners, clockwise from the left."""
    x0, y0, x1, y1 = box
    corners = []
    for x, y, start in ((x0, y0, 180), (x1, y0, 270), (x1, y1, 0), (x0, y1, 90)):
        centre = (x + radius * (1 if x == x0 else -1), y + radius * (1 if y == y0 else -1))
        corners.append(np.asarray(cv2.ellipse2Poly(centre, (radius, radius), 0, start, start + 90, 6), np.int32))
    return np.concatenate(corners)
