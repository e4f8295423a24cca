"""A varied handful out of many pictures: simple statistics of each, then a choice that covers their spread.

Calibration needs the extremes of brightness, contrast, colour and scale, which farthest-point selection (Gonzalez,
1985) covers with few pictures, and the usual pictures too, since ranges are fitted to the values' distribution.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError

__all__ = ["STATISTICS", "choose", "describe", "farthest_points"]

STATISTICS: Final = (
    "brightness",
    "contrast",
    "dark",
    "bright",
    "saturation",
    "warmth",
    "fine detail",
    "medium detail",
    "coarse detail",
    "centre",
)
"""What `describe` measures, in order."""

_SIDE: Final = 128  # px, every picture is measured at this size


def describe(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Statistics of one picture, (len(STATISTICS),) float32, each about 0..1.

    rgb: (H, W, 3) uint8. Brightness and contrast are of luma; dark and bright are its 5th and 95th percentiles;
    warmth is red against blue; detail is the mean gradient at three octaves, which says how large things appear;
    centre is the middle's brightness against the border's.
    """
    small = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    luma = small @ np.array([0.299, 0.587, 0.114], np.float32)
    saturation = small.max(2) - small.min(2)
    warmth = 0.5 + 0.5 * float((small[..., 0] - small[..., 2]).mean())
    detail = []
    level = luma
    for _ in range(3):
        dy, dx = np.abs(np.diff(level, axis=0)).mean(), np.abs(np.diff(level, axis=1)).mean()
        detail.append(4.0 * float(dx + dy))
        level = np.asarray(cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
    quarter = _SIDE // 4
    middle = luma[quarter:-quarter, quarter:-quarter].mean()
    centre = 0.5 + 0.5 * float(middle - luma.mean())
    low, high = np.percentile(luma, (5, 95))
    return np.array([luma.mean(), 2 * luma.std(), low, high, saturation.mean(), warmth, *detail, centre], np.float32)


def farthest_points(points: NDArray[np.float32], count: int, seed: int = 0) -> NDArray[np.intp]:
    """Rows of `points` (N, D) that spread the farthest, `count` of them, in the order they were chosen.

    Columns are scaled to unit deviation. The first row is drawn with `seed`; each next one is the farthest from all
    chosen so far. Fewer rows than `count` are returned whole.

    Raises:
        InputError: no rows, or `count` below 1.
    """
    points = np.asarray(points, np.float32)
    if points.ndim != 2 or len(points) == 0 or count < 1:
        raise InputError(f"cannot choose {count} of {len(points)} pictures: give one at least, and count >= 1")
    scaled = (points - points.mean(0)) / np.maximum(points.std(0), 1e-6)
    chosen = [int(np.random.default_rng(seed).integers(len(scaled)))]
    distance = np.square(scaled - scaled[chosen[0]]).sum(1)
    distance[chosen[0]] = -1
    while len(chosen) < min(count, len(scaled)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(scaled - scaled[chosen[-1]]).sum(1))
        distance[chosen] = -1
    return np.array(chosen, np.intp)


def choose(points: NDArray[np.float32], count: int, seed: int = 0) -> NDArray[np.intp]:
    """Rows of `points` (N, D) for calibration: half of `count` spread the farthest, the other half drawn at random.

    Fewer rows than `count` are returned whole. Raises InputError as `farthest_points` does.
    """
    spread = farthest_points(points, (count + 1) // 2, seed)
    rest = np.setdiff1d(np.arange(len(points)), spread)
    drawn = np.random.default_rng(seed).permutation(rest)[: count - len(spread)]
    return np.concatenate([spread, drawn]).astype(np.intp)
