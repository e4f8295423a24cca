"""The 17 COCO keypoints, and the parts of the body that meet at each of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import KEYPOINTS
from densepose_mobile.parts import KAPPA, MIRROR, NUM_PARTS

__all__ = [
    "JOINTS",
    "JOINT_KAPPA",
    "KEYPOINT_MIRROR",
    "KEYPOINT_NAMES",
    "LIMB_KEYPOINTS",
    "MIRRORED_PARTS",
    "PARTS_AT_KEYPOINT",
]

_SIDES: Final = {"left": "right", "right": "left"}

KEYPOINT_NAMES: Final = tuple(name.replace(" ", "_") for name in KEYPOINTS)
"""As COCO files spell them, in their order; left is the person's left."""

KEYPOINT_MIRROR: Final[NDArray[np.intp]] = np.array(
    [KEYPOINT_NAMES.index("_".join(_SIDES.get(word, word) for word in name.split("_"))) for name in KEYPOINT_NAMES]
)
"""(17,) index of the same keypoint of the other side."""

JOINTS: Final[dict[str, tuple[int, ...]]] = {
    "head": (0, 1, 2, 3, 4),
    "shoulder": (5, 6),
    "elbow": (7, 8),
    "wrist": (9, 10),
    "hip": (11, 12),
    "knee": (13, 14),
    "ankle": (15, 16),
}
"""Keypoint indices of each kind of joint; nose, eyes and ears are the head."""

LIMB_KEYPOINTS: Final[frozenset[int]] = frozenset(
    index for joint in ("elbow", "wrist", "knee", "ankle") for index in JOINTS[joint]
)

_LEFT: Final[dict[str, tuple[int, ...]]] = {
    "head": (23, 24),
    "shoulder": (1, 2, 15, 17),
    "elbow": (15, 17, 19, 21),
    "wrist": (19, 21, 4),
    "hip": (1, 2, 8, 10),
    "knee": (8, 10, 12, 14),
    "ankle": (12, 14, 5),
}  # parts that meet at the person's left joint


def _parts_at_keypoints() -> NDArray[np.bool_]:
    table = np.zeros((len(KEYPOINT_NAMES), NUM_PARTS + 1), bool)
    for joint, indices in JOINTS.items():
        left = np.array(_LEFT[joint])
        for index in indices:
            table[index, MIRROR[left] if KEYPOINT_NAMES[index].startswith("right") else left] = True
    return table


PARTS_AT_KEYPOINT: Final[NDArray[np.bool_]] = _parts_at_keypoints()
"""(17, 25) whether the part meets at the keypoint."""

MIRRORED_PARTS: Final[NDArray[np.bool_]] = PARTS_AT_KEYPOINT[:, MIRROR] & ~PARTS_AT_KEYPOINT
"""(17, 25) whether the part meets at the keypoint of the other side and not at this one."""

JOINT_KAPPA: Final[NDArray[np.float32]] = np.array([KAPPA[parts].min() for parts in PARTS_AT_KEYPOINT], np.float32)
"""(17,) m: the smallest kappa of the parts that meet there, so that no prediction chooses its own tolerance."""
