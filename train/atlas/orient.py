"""Turning a flat chart so that U and V run as the public convention says, and scaling it to 0..1."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["AXES", "Axis", "orient", "scaled"]


@dataclass(frozen=True)
class Axis:
    """Which way a chart of the left body runs.

    along: the coordinate that follows the body part's own axis, "u" or "v".
    towards: direction in the template in which that coordinate grows.
    outward: True where U -> V turns counter-clockwise seen from outside the body.
    turn: degrees from U towards V by which the chart is turned besides, so that crease and back of the elbow, middle of
        the wrist, back of the knee and ankle lie as on the public charts.
    """

    along: str
    towards: tuple[float, float, float]
    outward: bool
    turn: float = 0.0


_DOWN: Final = (0.0, -1.0, 0.0)
_UP: Final = (0.0, 1.0, 0.0)

AXES: Final[dict[int, Axis]] = {
    1: Axis("u", _DOWN, True),
    2: Axis("u", _DOWN, False),
    4: Axis("v", (0.512, -0.522, 0.682), True),
    5: Axis("u", (0.15, 0.0, 1.0), True),
    8: Axis("u", _DOWN, False),
    10: Axis("u", _UP, True),
    12: Axis("u", _UP, True, turn=3),
    14: Axis("u", _DOWN, True, turn=-2),
    15: Axis("u", (0.64, -0.75, 0.0), True, turn=-9),
    17: Axis("u", (0.64, -0.75, 0.0), False, turn=8),
    19: Axis("u", (-0.512, 0.522, -0.682), True, turn=11),
    21: Axis("u", (0.512, -0.522, 0.682), False, turn=-12),
    24: Axis("v", _UP, True),
}  # directions of U and V of the left charts; arms in the template's A-pose


def orient(
    part: int, flat: NDArray[np.float64], positions: NDArray[np.float64], area: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rotates (and mirrors) flat coordinates to (u, v) in metres.

    flat: (N, 2) counter-clockwise seen from outside. positions: (N, 3) on the body. area: (N,) weight of each vertex.
    The coordinate along the part's axis is the direction in which positions advance most, by weighted least squares,
    but for the part's turn.
    """
    axis = AXES[part]
    centred = flat - (flat * area[:, None]).sum(axis=0) / area.sum()
    advance = positions @ np.asarray(axis.towards)
    advance = advance - (advance * area).sum() / area.sum()
    weighted = centred * area[:, None]
    gradient = np.linalg.solve(centred.T @ weighted, weighted.T @ advance)
    along = gradient / np.linalg.norm(gradient)
    # quarter turn from U to V: counter-clockwise for outward charts
    left = np.array([-along[1], along[0]])
    if axis.along == "u":
        u, v = along, left if axis.outward else -left
    else:
        v, u = along, -left if axis.outward else left
    turn = np.radians(axis.turn)
    u, v = np.cos(turn) * u - np.sin(turn) * v, np.sin(turn) * u + np.cos(turn) * v
    return np.stack([flat @ u, flat @ v], axis=1)


def scaled(uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each coordinate from its smallest to its largest value, as 0..1."""
    low, high = uv.min(axis=0), uv.max(axis=0)
    result: NDArray[np.float64] = (uv - low) / (high - low)
    return result
