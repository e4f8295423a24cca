"""Colours of the 24 parts.

The person's right side is warm (red, orange, yellow, rose), the left side cool (blue, cyan, teal, violet), the torso
green; mirrored parts have the same lightness. The outer or front face of a limb is the lighter of its two tones. The
warm-cool axis is the one that red-green colour blindness leaves intact, so left and right stay apart for everyone.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PALETTE", "UV_CORNERS"]

PALETTE: Final[NDArray[np.uint8]] = np.array(
    [
        (0, 0, 0),  # background
        (58, 143, 66),  # torso back
        (135, 213, 118),  # torso front
        (249, 224, 63),  # right hand
        (18, 252, 255),  # left hand
        (177, 248, 242),  # left foot
        (255, 228, 184),  # right foot
        (169, 9, 89),  # right thigh back
        (89, 65, 194),  # left thigh back
        (243, 67, 146),  # right thigh front
        (144, 120, 255),  # left thigh front
        (179, 131, 9),  # right calf
        (4, 161, 155),  # left calf
        (243, 176, 29),  # right shin
        (11, 218, 201),  # left shin
        (21, 89, 196),  # left upper arm inner
        (176, 31, 28),  # right upper arm inner
        (41, 138, 254),  # left upper arm outer
        (241, 70, 56),  # right upper arm outer
        (6, 141, 182),  # left forearm palm side
        (196, 96, 22),  # right forearm palm side
        (5, 192, 236),  # left forearm back side
        (254, 140, 44),  # right forearm back side
        (254, 170, 169),  # head right half
        (134, 205, 255),  # head left half
    ],
    np.uint8,
)  # (25, 3) RGB; row = part number

UV_CORNERS: Final[NDArray[np.uint8]] = np.array(
    [[(64, 84, 214), (28, 190, 186)], [(232, 62, 124), (255, 214, 96)]], np.uint8
)  # (2, 2, 3) RGB at [U, V]: blue at (0, 0), rose at (1, 0), teal at (0, 1), gold at (1, 1)
