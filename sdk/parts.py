"""The 24 body parts: names, mirror pairs, coarse parts, and the kappa of the geodesic measure.

Numbers follow the public DensePose convention (Güler et al., CVPR 2018): 0 is background, 1..24 are charts.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COARSE_KAPPA",
    "COARSE_NAMES",
    "FINE_TO_COARSE",
    "KAPPA",
    "MIRROR",
    "MIRROR_FLIPS_U",
    "MIRROR_FLIPS_V",
    "NUM_PARTS",
    "PART_NAMES",
    "mirror_iuv",
]

PART_NAMES: Final[tuple[str, ...]] = (
    "background",
    "torso back",
    "torso front",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "right thigh back",
    "left thigh back",
    "right thigh front",
    "left thigh front",
    "right calf",
    "left calf",
    "right shin",
    "left shin",
    "left upper arm inner",
    "right upper arm inner",
    "left upper arm outer",
    "right upper arm outer",
    "left forearm palm side",
    "right forearm palm side",
    "left forearm back side",
    "right forearm back side",
    "head right half",
    "head left half",
)
NUM_PARTS: Final = len(PART_NAMES) - 1

MIRROR: Final[NDArray[np.uint8]] = np.array(
    [0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23], np.uint8
)  # (25,) part seen in the left-right mirrored picture

COARSE_NAMES: Final[tuple[str, ...]] = (
    "background",
    "torso",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "right upper leg",
    "left upper leg",
    "right lower leg",
    "left lower leg",
    "left upper arm",
    "right upper arm",
    "left lower arm",
    "right lower arm",
    "head",
)

FINE_TO_COARSE: Final[NDArray[np.uint8]] = np.array(
    [0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14], np.uint8
)  # (25,) coarse part of each fine part

COARSE_KAPPA: Final[NDArray[np.float32]] = np.array(
    [
        np.nan,
        0.351,
        0.107,
        0.107,
        0.126,
        0.126,
        0.237,
        0.237,
        0.173,
        0.173,
        0.142,
        0.142,
        0.128,
        0.128,
        0.150,
    ],
    np.float32,
)  # (15,) metres on the template; index 0 has no meaning

KAPPA: Final[NDArray[np.float32]] = COARSE_KAPPA[FINE_TO_COARSE]  # (25,) metres, by fine part

MIRROR_FLIPS_U: Final[NDArray[np.bool_]] = np.isin(np.arange(NUM_PARTS + 1), (3, 4, 5, 6, 23, 24))
MIRROR_FLIPS_V: Final[NDArray[np.bool_]] = np.isin(np.arange(NUM_PARTS + 1), (1, 2))
"""(25,) parts whose U, or V, becomes 1 - U, or 1 - V, on the mirrored body."""


def mirror_iuv(part: NDArray[np.uint8], uv: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Labels of the mirrored body: what each pixel's label becomes when the picture is flipped left to right.

    part: any shape, 0..24. uv: (2, *part.shape), 0..1. The arrays' own pixel order is left as it is: flip it besides.
    """
    u = np.where(MIRROR_FLIPS_U[part], 1.0 - uv[0], uv[0])
    v = np.where(MIRROR_FLIPS_V[part], 1.0 - uv[1], uv[1])
    return MIRROR[part], np.stack([u, v]).astype(np.float32)
