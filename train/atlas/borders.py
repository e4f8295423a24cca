"""Where the charts meet: anatomical curves on the template, as scalar fields that are zero on the curve.

Numbers are metres on the template of `template.py` (left half), read off its cross-sections: the pit of the throat,
the seventh cervical vertebra, the acromion, the deepest point of the armpit, the crotch, the top of the cleft between
the buttocks, the kneecap and the ankle. Arms follow the skeleton.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from densepose_mobile.train.atlas.cutting import Field
from densepose_mobile.train.atlas.template import TemplateMesh

__all__ = [
    "CROTCH",
    "KNEE_HEIGHT",
    "SEAT_HEIGHT",
    "Arm",
    "ankle",
    "arm_of",
    "collar",
    "front",
    "groin",
    "plane",
    "shoulder",
]

SEAT_HEIGHT: Final = 0.985  # top of the buttocks
KNEE_HEIGHT: Final = 0.485  # middle of the kneecap
CROTCH: Final = np.array([0.0, 0.8156, 0.0302])

_COLLAR: Final = PchipInterpolator([-0.08, -0.035, 0.01, 0.075, 0.15], [1.447, 1.447, 1.455, 1.404, 1.355])  # z -> y
_SIDE_LINE: Final = PchipInterpolator(  # height -> depth of the line that parts front from back
    [-0.1, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8156, 0.9, 1.0, 1.1, 1.2, 1.28, 1.36, 1.41, 1.45, 1.8],
    [
        0.003,
        0.003,
        0.004,
        0.008,
        0.022,
        0.034,
        0.036,
        0.0312,
        0.0302,
        0.026,
        0.034,
        0.044,
        0.026,
        0.010,
        0.010,
        0.010,
        0.0,
        0.0,
    ],
)
_KNEE_AXIS: Final = 0.143  # distance of the knee's axis from the middle
_KNEE_TURN: Final = PchipInterpolator(  # how far the line lies forward inside and backward outside of the knee
    [-0.1, 0.15, 0.3, 0.47, 0.53, 0.72, 1.8], [0.0, 0.0, 0.06, 0.27, 0.22, 0.0, 0.0]
)
_ACROMION: Final = np.array([0.172, 1.412, 0.01])
_ARMPIT: Final = np.array([0.1675, 1.283, 0.009])
_CREASE_TO_FRONT_LINE: Final = math.radians(68)  # angle at the elbow from the middle of its crease to the front line
_SHOULDER_TURN: Final = math.radians(12)  # how far the inner chart of the upper arm looks forward at the shoulder


def plane(point: NDArray[np.float64], normal: NDArray[np.float64]) -> Field:
    """Signed distance times |normal| from the plane through `point`."""
    return lambda p: (p - point) @ normal


def collar(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive above the ring from the pit of the throat over the sides of the neck to the nape."""
    return p[:, 1] - _COLLAR(np.clip(p[:, 2], -0.08, 0.15))


def front(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive before the line over the shoulder, down the flank and the leg, and up the inside of the leg."""
    height = np.clip(p[:, 1], -0.1, 1.8)
    return p[:, 2] - _SIDE_LINE(height) + _KNEE_TURN(height) * (p[:, 0] - _KNEE_AXIS)


def ankle(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive above the ring round the ankle, which lies higher in front than behind."""
    return p[:, 1] - 0.089 - 0.12 * p[:, 2]


def shoulder() -> Field:
    """Positive on the arm's side of the plane through acromion and armpit."""
    along = _ACROMION - _ARMPIT
    return plane(_ARMPIT, np.array([along[1], -along[0], 0.0]) / np.linalg.norm(along))


def groin(corner: NDArray[np.float64]) -> Field:
    """Positive above the crease that runs from the crotch to `corner`, where seat line and side line meet."""
    slope_z = -0.3  # on the front of the body the crease lies below the lowest point of the midline
    rise = (corner[1] - CROTCH[1] - slope_z * (corner[2] - CROTCH[2])) / corner[0]
    return lambda p: p[:, 1] - CROTCH[1] - rise * p[:, 0] - slope_z * (p[:, 2] - CROTCH[2])


@dataclass(frozen=True)
class Arm:
    """Frames along the left arm. Directions are unit vectors; `inner` points to the middle of the inner charts."""

    shoulder: NDArray[np.float64]
    elbow: NDArray[np.float64]
    wrist: NDArray[np.float64]
    elbow_normal: NDArray[np.float64]  # across the elbow, towards the hand
    wrist_normal: NDArray[np.float64]
    inner_shoulder: NDArray[np.float64]
    inner_elbow: NDArray[np.float64]
    inner_wrist: NDArray[np.float64]  # towards the palm

    def upper_inner(self, centre: NDArray[np.float64]) -> Field:
        """Positive on the inner half of the upper arm. centre: (K, 3) section centres from shoulder to elbow."""
        return _half(centre, self.inner_shoulder, self.inner_elbow)

    def fore_inner(self, centre: NDArray[np.float64]) -> Field:
        """Positive on the palm side of the forearm. centre: (K, 3) section centres from elbow to wrist."""
        return _half(centre, self.inner_elbow, self.inner_wrist)


def arm_of(template: TemplateMesh) -> Arm:
    """The left arm's frames from the joints of the skeleton."""
    at = {name: position.astype(np.float64) for name, position in template.joints.items()}
    shoulder_joint, elbow, wrist = at["upperarm01.L"], at["lowerarm01.L"], at["wrist.L"]
    upper, fore = _unit(elbow - shoulder_joint), _unit(wrist - elbow)
    crease = _unit(fore - upper)
    outward = -_unit(np.cross(upper, fore))
    palm = -_unit(np.cross(at["finger2-1.L"] - wrist, at["finger5-1.L"] - wrist))
    down = _unit(np.cross(upper, [0.0, 0.0, -1.0]))
    down = down if down[1] < 0 else -down
    ahead = _unit(np.cross(upper, down))
    ahead = ahead if ahead[2] > 0 else -ahead
    return Arm(
        shoulder=shoulder_joint,
        elbow=elbow,
        wrist=wrist,
        elbow_normal=_unit(upper + fore),
        wrist_normal=fore,
        inner_shoulder=math.cos(_SHOULDER_TURN) * down + math.sin(_SHOULDER_TURN) * ahead,
        inner_elbow=math.sin(_CREASE_TO_FRONT_LINE) * crease - math.cos(_CREASE_TO_FRONT_LINE) * outward,
        inner_wrist=_unit(palm - fore * (palm @ fore)),
    )


def _half(centre: NDArray[np.float64], first: NDArray[np.float64], last: NDArray[np.float64]) -> Field:
    """Signed distance from a ribbon through the section centres that turns from normal `first` to `last`."""
    axis = centre[-1] - centre[0]
    angle = math.acos(float(np.clip(first @ last, -1, 1)))
    curve = PchipInterpolator(np.linspace(0, 1, len(centre)), centre)

    def field(p: NDArray[np.float64]) -> NDArray[np.float64]:
        along = np.clip((p - centre[0]) @ axis / (axis @ axis), 0, 1)
        turned = along * along * (3 - 2 * along)
        normal = (np.sin((1 - turned) * angle)[:, None] * first + np.sin(turned * angle)[:, None] * last) / math.sin(
            angle
        )
        value: NDArray[np.float64] = ((p - curve(along)) * normal).sum(axis=1)
        return value

    return field


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector), np.float64)
