"""Finger poses: how far each finger bends, as rotations of finger joints against their parents."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.rotations import about_axis

__all__ = ["FINGERS", "HAND_STYLES", "FingerJoint", "finger_rotations", "sample_hand"]

FINGERS: Final[tuple[str, ...]] = ("thumb", "index", "middle", "ring", "pinky")

HAND_STYLES: Final[dict[str, tuple[float, tuple[float, ...]]]] = {
    "relaxed": (0.50, (15, 20, 25, 30, 32)),
    "flat": (0.12, (2, 4, 4, 4, 6)),
    "grip": (0.16, (30, 55, 58, 60, 60)),
    "fist": (0.10, (45, 82, 85, 85, 85)),
    "point": (0.04, (35, 4, 75, 80, 80)),
    "spread": (0.04, (-5, 0, 0, 0, 0)),
    "pinch": (0.04, (30, 45, 30, 22, 18)),
}
"""How often, and the bend of each finger's joints in degrees."""

_CHANCE: Final = np.array([chance for chance, _ in HAND_STYLES.values()])
_BENDS: Final = np.array([bends for _, bends in HAND_STYLES.values()], np.float64)
_OPENING: Final = (0.0, 6.0, 0.0, -6.0, -12.0)  # degrees between fingers in a relaxed hand; positive to the thumb


@dataclass(frozen=True)
class FingerJoint:
    """A joint of a finger of a figure in the T-pose, palms down."""

    joint: int
    side: int  # +1 left, -1 right
    finger: int  # index into FINGERS
    phalanx: int  # 0 nearest to the palm
    direction: tuple[float, float, float]  # of the bone at rest, unit


def sample_hand(rng: np.random.Generator) -> NDArray[np.float64]:
    """(5, 4) degrees: bend of the three joints of each finger, then its opening sideways from the middle finger."""
    style = int(rng.choice(len(_CHANCE), p=_CHANCE / _CHANCE.sum()))
    bend = _BENDS[style][:, None] * np.array([0.85, 1.1, 0.8])
    bend = bend + rng.normal(0, 5, (5, 1)) + rng.normal(0, 3, (5, 3))
    spread = 1.8 if style == list(HAND_STYLES).index("spread") else rng.uniform(0.1, 1.0)
    return np.concatenate([bend, np.array(_OPENING)[:, None] * spread + rng.normal(0, 1.5, (5, 1))], 1)


def finger_rotations(
    joints: tuple[FingerJoint, ...], left: NDArray[np.float64], right: NDArray[np.float64]
) -> dict[int, NDArray[np.float32]]:
    """Joint -> rotation (3, 3) against its parent, for hands of `sample_hand`."""
    along = np.array([item.direction for item in joints])
    side = np.array([item.side for item in joints])
    finger = np.array([item.finger for item in joints])
    phalanx = np.array([item.phalanx for item in joints])
    hands = np.where((side > 0)[:, None, None], left, right)
    rows = np.arange(len(joints))
    palm = np.where(
        (finger == 0)[:, None],
        np.stack([0.15 * side, np.full(len(side), -0.6), np.full(len(side), -0.8)], 1),
        [0.0, -1.0, 0.0],
    )
    turns = about_axis(np.cross(along, palm), np.radians(hands[rows, finger, phalanx]))
    # bring the finger to its opening: forward (+z) is the thumb's side
    now = np.degrees(np.arctan2(along[:, 2], along[:, 0] * side))
    opening = np.where((finger > 0) & (phalanx == 0), hands[rows, finger, 3] - now, 0.0)
    turns = turns @ about_axis(np.broadcast_to([0.0, 1.0, 0.0], along.shape), -side * np.radians(opening))
    return {item.joint: turn for item, turn in zip(joints, turns, strict=True)}
