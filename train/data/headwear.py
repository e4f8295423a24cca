"""Where on the head glasses, beards, caps and scarves lie, in metres of the body template."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEADGEAR", "HeadRegions", "head_regions"]

HEADGEAR: Final[dict[str, float]] = {"cap": 0.006, "helmet": 0.026, "scarf": 0.007}
"""Kinds of headgear that are painted on the head, and m that they stand off it."""

HeadRegions = dict[str, NDArray[np.bool_]]


def head_regions(points: NDArray[np.float32], head: NDArray[np.bool_]) -> HeadRegions:
    """Masks (...) of template points (..., 3) that lie on the `head` (...): glasses, beard, cap, helmet, scarf."""
    side, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    lens = ((side - 0.031) / 0.026) ** 2 + ((y - 1.590) / 0.019) ** 2 < 1
    frame = (np.abs(y - 1.598) < 0.0035) & ((side < 0.012) | (z < 0.11)) & (z > 0.045)
    lips = (np.abs(y - 1.5255) < 0.011) & (side < 0.026)
    jaw = (y < 1.511) | ((side > 0.05) & (side < 0.082) & (y < 1.567)) | ((np.abs(y - 1.540) < 0.007) & (side < 0.03))
    brim = 1.565 + np.clip((z + 0.05) / 0.19, 0, 1) * 0.075
    oval = (side / 0.064) ** 2 + ((y - 1.572) / 0.078) ** 2 < 1
    return {
        "glasses": head & ((lens & (z > 0.085)) | frame),
        "beard": head & jaw & ~lips & (y > 1.478) & (z > 0.05),
        "cap": head & (y > brim),
        "helmet": head & ((y > brim) | ((y > 1.545) & (z < 0.085) & (side > 0.05)) | ((y > 1.53) & (z < 0.02))),
        "scarf": head & ~(oval & (z > 0.06)),
    }
