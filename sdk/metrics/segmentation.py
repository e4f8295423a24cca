"""COCO segmentations as masks: polygons and run-length codes, read and written.

A run-length code walks the mask column by column and counts pixels that are off, on, off, ... in turn. The compressed
kind writes each count (from the fourth on, its difference to the count two before) as a string of 5-bit groups.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError

__all__ = ["check_segmentation", "decode_rle", "encode_rle", "fill_polygons", "segmentation_mask"]

_FINE: Final = 5  # odd, so that a pixel's centre is the centre of a fine pixel
_SHIFT: Final = 4  # fractional bits of cv2.fillPoly's coordinates


def segmentation_mask(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """Mask of a COCO `segmentation`: a list of polygons, or a run-length code of either kind.

    Returns (height, width) bool. Raises InputError on anything else, or when a code belongs to another size.
    """
    check_segmentation(segmentation, height, width)
    return decode_rle(segmentation) if isinstance(segmentation, Mapping) else fill_polygons(segmentation, height, width)


def fill_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> NDArray[np.bool_]:
    """Pixels whose centre lies in any of the polygons.

    polygons: each x0, y0, x1, y1, ... px, origin at the picture's top-left corner (pixel centres at +0.5).
    Filled on a five times finer grid, because cv2.fillPoly also paints the outline: what is left of that is 0.1 px.

    Returns (height, width) bool. Raises InputError for a polygon of fewer than three points.
    """
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        points = _corners(polygon)
        low = np.clip(np.floor(points.min(0)), 0, (width, height)).astype(int)
        high = np.clip(np.ceil(points.max(0)), 0, (width, height)).astype(int)
        columns, rows = high - low
        if columns <= 0 or rows <= 0:
            continue
        fine = np.zeros((rows * _FINE, columns * _FINE), np.uint8)
        corners = np.round(((points - low) * _FINE - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(fine, [corners], 1, shift=_SHIFT)
        mask[low[1] : high[1], low[0] : high[0]] |= fine[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE].astype(bool)
    return mask


def check_segmentation(segmentation: Any, height: int, width: int) -> None:
    """Raise InputError where `segmentation_mask` would, without making the mask."""
    if isinstance(segmentation, Mapping):
        _runs(segmentation, (height, width))
    elif isinstance(segmentation, Sequence) and not isinstance(segmentation, str | bytes):
        for polygon in segmentation:
            _corners(polygon)
    else:
        raise InputError(
            f"its segmentation is a {type(segmentation).__name__}; polygons or a run-length code are expected"
        )


def decode_rle(code: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Mask of a run-length code {"size": [height, width], "counts": list, str or bytes}.

    Returns (height, width) bool. Raises InputError when the counts do not add up to the size.
    """
    runs, (height, width) = _runs(code)
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def _runs(
    code: Mapping[str, Any], expected: tuple[int, int] | None = None
) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """Run lengths of a code, and its height and width, which must be the expected ones."""
    try:
        height, width = (int(side) for side in code["size"])
        counts = code["counts"]
        runs = (
            _read_string(counts.encode("ascii") if isinstance(counts, str) else bytes(counts))
            if isinstance(counts, str | bytes)
            else np.asarray(counts, np.int64).reshape(-1)
        )
    except (KeyError, TypeError, ValueError, UnicodeEncodeError) as error:
        raise InputError(f"a run-length code needs size [height, width] and counts ({error!r})") from error
    if expected is not None and (height, width) != expected:
        raise InputError(f"its run-length code is of size {[height, width]}, the picture of {list(expected)}")
    if (runs < 0).any() or runs.sum() != height * width:
        raise InputError(f"run-length counts add up to {runs.sum()} instead of {height} x {width} = {height * width}")
    return runs, (height, width)


def _corners(polygon: Sequence[float]) -> NDArray[np.float64]:
    """(P, 2) corners of a polygon."""
    try:
        points = np.asarray(polygon, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise InputError(f"a polygon is not a list of x, y pairs ({str(polygon)[:60]})") from error
    if len(points) < 3 or not np.isfinite(points).all():
        raise InputError(f"a polygon of {len(points)} points; three finite ones are the least")
    return points


def encode_rle(mask: NDArray[Any], *, compressed: bool = True) -> dict[str, Any]:
    """Run-length code of a mask (H, W): {"size": [H, W], "counts": str, or list of int when not compressed}."""
    flat = np.asarray(mask, bool).T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat.size and flat[0]:
        runs.insert(0, 0)
    return {"size": [int(side) for side in mask.shape], "counts": _write_string(runs) if compressed else runs}


def _read_string(text: bytes) -> NDArray[np.int64]:
    groups = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if groups.size == 0:
        return np.zeros(0, np.int64)
    if (groups < 0).any() or (groups > 63).any() or groups[-1] & 32:
        raise ValueError("counts is no run-length string")
    last = np.flatnonzero((groups & 32) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(groups.size) - np.repeat(first, last - first + 1)
    if place.max() > 11:
        raise ValueError("a run-length count has more than 60 bits")
    runs = np.add.reduceat((groups & 31) << (5 * place), first)
    runs -= np.where(groups[last] & 16, np.int64(1) << (5 * (place[last] + 1)), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _write_string(runs: Sequence[int]) -> str:
    characters: list[str] = []
    for index, run in enumerate(runs):
        rest = run - (runs[index - 2] if index > 2 else 0)
        while True:
            group = rest & 31
            rest >>= 5
            done = rest == (-1 if group & 16 else 0)
            characters.append(chr(48 + group + (0 if done else 32)))
            if done:
                break
    return "".join(characters)
