"""Parts that visible joints tell: the pixels about the bone between two of them, of the torso within four, of a head.

A photo with keypoints says where the limbs are and which is the left one, and the order of the shoulders says whether
the torso shows its front. Pixels near a border between parts, or where two limbs cross, stay unknown.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.parts import COARSE_NAMES, PART_NAMES
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN_PART

__all__ = ["TURNED", "chest_turn", "joint_parts"]

_JOINT: Final = {name: index for index, name in enumerate(KEYPOINT_NAMES)}

_BONES: Final = (
    ("upper arm", "shoulder", "elbow", 0.10),
    ("lower arm", "elbow", "wrist", 0.08),
    ("upper leg", "hip", "knee", 0.12),
    ("lower leg", "knee", "ankle", 0.10),
)
"""Coarse part, its joints, and the distance from the bone that certainly belongs to it, as a share of the bone."""

_ENDS: Final = (0.2, 0.85)  # of a bone; sleeves and trousers hide where a shoulder or a hip ends
_AWAY: Final = 1.6  # times a limb's half width, from where on a pixel of the torso is the torso's
_SHRUNK: Final = 0.75  # the torso's four joints drawn to their middle
_HEAD: Final = 0.45  # of the largest distance between points of the face
_TORSO: Final = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")  # round it
_FACE: Final = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


TURNED: Final = 0.3
"""`chest_turn` above which the chest shows its front, and below whose negative its back; between them, its side."""


def chest_turn(keypoints: NDArray[np.floating]) -> float:
    """Width of the shoulders across the spine in the picture / length of the spine; negative from behind.

    keypoints: (17, 2 or more) x, y px of COCO's order; shoulders and hips must be known.
    """
    left, right = (keypoints[_JOINT[f"{side}_shoulder"], :2] for side in ("left", "right"))
    hips = [_JOINT["left_hip"], _JOINT["right_hip"]]
    across, spine = left - right, keypoints[hips, :2].mean(0) - (left + right) / 2
    return float(across[0] * spine[1] - across[1] * spine[0]) / max(float(spine @ spine), 1e-6)


def joint_parts(keypoints: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Label codes (H, W) uint8 of one person: what the joints tell, UNKNOWN_PART elsewhere in the mask, 0 beyond.

    keypoints: (17, 3) x, y px, visibility; only visible ones (2) count. mask: (H, W) of the visible person.
    """
    seen = {name: keypoints[i, :2] for name, i in _JOINT.items() if keypoints[i, 2] == 2}
    height, width = mask.shape
    codes = np.full((height, width), UNKNOWN_PART, np.uint8)
    limbs, near = _limbs(seen, height, width)
    told = np.stack(limbs) if limbs else np.zeros((0, height, width), np.uint8)
    if all(name in seen for name in _TORSO):
        code, turn = COARSE + COARSE_NAMES.index("torso"), chest_turn(keypoints)
        if abs(turn) > TURNED:
            code = PART_ONLY + PART_NAMES.index("torso front" if turn > 0 else "torso back")
        codes[_torso(seen, height, width) & ~near] = code
    head = _head(seen, height, width)
    codes[head & ~near] = COARSE + COARSE_NAMES.index("head")
    if len(told):
        alone = (told > 0).sum(0) == 1
        codes[alone] = told.max(0)[alone]
        codes[(told > 0).sum(0) > 1] = UNKNOWN_PART
    return np.where(mask, codes, 0).astype(np.uint8)


def _limbs(
    seen: dict[str, NDArray[np.float32]], height: int, width: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Code pictures of each limb between two visible joints, and the pixels near any of them."""
    limbs = []
    near = np.zeros((height, width), np.uint8)
    for part, upper, lower, share in _BONES:
        for side in ("left", "right"):
            start, end = seen.get(f"{side}_{upper}"), seen.get(f"{side}_{lower}")
            if start is None or end is None:
                continue
            radius = share * float(np.hypot(*(end - start)))
            limb = np.zeros((height, width), np.uint8)
            first, last = (start + at * (end - start) for at in _ENDS)
            _line(limb, first, last, radius, COARSE + COARSE_NAMES.index(f"{side} {part}"))
            limbs.append(limb)
            _line(near, start, end, _AWAY * radius, 1)
    return limbs, near > 0


def _torso(seen: dict[str, NDArray[np.float32]], height: int, width: int) -> NDArray[np.bool_]:
    """Pixels certainly within the torso."""
    corners = np.stack([seen[name] for name in _TORSO])
    place = np.zeros((height, width), np.uint8)
    middle = corners.mean(0)
    cv2.fillConvexPoly(place, np.rint(middle + _SHRUNK * (corners - middle) - 0.5).astype(np.int32), 1)
    return place > 0


def _head(seen: dict[str, NDArray[np.float32]], height: int, width: int) -> NDArray[np.bool_]:
    """Pixels about the middle of the visible points of a face; none of fewer than two."""
    face = np.array([seen[name] for name in _FACE if name in seen], np.float32).reshape(-1, 2)
    head = np.zeros((height, width), np.uint8)
    if len(face) > 1:
        radius = _HEAD * float(np.linalg.norm(face[:, None] - face[None], axis=-1).max())
        centre = np.rint(face.mean(0) - 0.5).astype(int).tolist()
        cv2.circle(head, centre, max(round(radius), 1), 1, -1)
    return head > 0


def _line(
    picture: NDArray[np.uint8], start: NDArray[np.float32], end: NDArray[np.float32], radius: float, value: int
) -> None:
    first, last = (np.rint(point - 0.5).astype(int).tolist() for point in (start, end))
    cv2.line(picture, first, last, value, max(round(2 * radius), 1))
