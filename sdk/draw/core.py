"""`draw`: a picture with what was found in it."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw.boxes import paint_boxes
from densepose_mobile.draw.fill import fill_parts, fill_uv
from densepose_mobile.draw.legend import add_legend
from densepose_mobile.draw.lines import contour, iso_lines
from densepose_mobile.draw.patch import Patch, patches
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import as_rgb
from densepose_mobile.results import DensePoseResult

__all__ = ["DEFAULT_STYLES", "STYLES", "Style", "draw"]

Style = Callable[[NDArray[np.uint8], DensePoseResult, bool], None]
"""Paints on a canvas, (H, W, 3) uint8 RGB, in place; the flag tells that people are filled with colour already."""

DEFAULT_STYLES: Final = ("parts", "contour")


def _on_people(painter: Callable[[Patch], NDArray[np.float32]]) -> Callable[[NDArray[np.uint8], DensePoseResult], None]:
    def paint(canvas: NDArray[np.uint8], result: DensePoseResult) -> None:
        for person in reversed(result.people):  # the best person last, on top
            done = [(_rounded(painter(patch)[core]), place) for patch, core, place in patches(canvas, person)]
            for pixels, place in done:
                canvas[place] = pixels

    return paint


def _rounded(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


def _parts(canvas: NDArray[np.uint8], result: DensePoseResult, filled: bool) -> None:
    _on_people(fill_parts)(canvas, result)


def _uv(canvas: NDArray[np.uint8], result: DensePoseResult, filled: bool) -> None:
    if not filled:
        _on_people(fill_uv)(canvas, result)
    _on_people(iso_lines)(canvas, result)


def _contour(canvas: NDArray[np.uint8], result: DensePoseResult, filled: bool) -> None:
    _on_people(contour)(canvas, result)


def _boxes(canvas: NDArray[np.uint8], result: DensePoseResult, filled: bool) -> None:
    paint_boxes(canvas, result)


STYLES: Final[Mapping[str, Style]] = MappingProxyType(
    {"parts": _parts, "uv": _uv, "contour": _contour, "boxes": _boxes}
)
"""Every style by name, in the order in which they are laid over one another."""


def draw(
    image: NDArray[np.uint8],
    result: DensePoseResult,
    styles: Iterable[str] = DEFAULT_STYLES,
    *,
    legend: bool = False,
) -> NDArray[np.uint8]:
    """The picture with its people painted; the given picture stays as it is.

    image: (H, W, 3) uint8 RGB, upright, of the result's size. styles: any of `STYLES`, laid over one another in that
    order: "parts" (24 colours, warm on the person's right, cool on the left), "uv" (gradient and iso-lines of U, white,
    and V, dark; the lines alone over "parts"), "contour" (silhouette and part borders), "boxes" (score, number).
    legend: add a panel with the part colours at the right. Returns (H, W, 3) uint8 RGB, wider with a legend.
    Raises InputError for an unknown style or a picture of another size.

    >>> painted = draw(picture, model.predict(picture), ("uv", "contour"))  # doctest: +SKIP
    """
    wanted = (styles,) if isinstance(styles, str) else tuple(styles)
    unknown = [name for name in wanted if name not in STYLES]
    if unknown:
        raise InputError(f"unknown drawing style {', '.join(map(repr, unknown))}: use any of {', '.join(STYLES)}")
    canvas = as_rgb(image).copy()
    if canvas.shape[:2] != (result.height, result.width):
        raise InputError(
            f"the picture is {canvas.shape[1]} x {canvas.shape[0]} px, but the result is of one of "
            f"{result.width} x {result.height} px: give the upright picture that was predicted on"
        )
    for name, paint in STYLES.items():
        if name in wanted:
            paint(canvas, result, "parts" in wanted and name != "parts")
    return add_legend(canvas) if legend else canvas
