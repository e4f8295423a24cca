"""Who is who: pairs of lowest cost, and the cost of taking somebody for a person who was lost."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "covered", "likely_same", "pair"]

NEVER: Final = np.inf
"""Cost of a pair that must not be made."""

_NEAR: Final = 0.5  # longer sides between the centres of a lost person's predicted and a found box
_DRIFT: Final = 0.5  # the same, more for each second that the person is lost
_RESIZED: Final = 2.5  # ratio of sizes; generous, as a person in part behind something has a smaller box
_UNLIKE: Final = 0.2  # difference of colours above which two people are not the same


def pair(cost: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Pairs of row and column, the cheapest first, each row and column once; never at infinite cost."""
    cost = np.array(cost, np.float64)
    pairs = []
    while cost.size:
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        if cost[row, column] == NEVER:
            break
        pairs.append((int(row), int(column)))
        cost[row, :] = cost[:, column] = NEVER
    return pairs


def likely_same(predicted: NDArray[np.floating], found: NDArray[np.floating], unlike: float, lost_ms: float) -> float:
    """Cost of taking a found person for a lost one, 0 for the same place and colours; `NEVER` beyond the gates.

    predicted, found: (4,) xyxy px. unlike: difference of colours, 0..1. lost_ms: since the lost one was last seen.
    """
    sides = max(float((box[2:] - box[:2]).max()) for box in (predicted, found))
    areas = [float((box[2:] - box[:2]).prod()) for box in (predicted, found)]
    distance = float(np.hypot(*((found[:2] + found[2:]) - (predicted[:2] + predicted[2:])))) / 2 / max(sides, 1.0)
    reach = _NEAR + _DRIFT * lost_ms / 1e3
    if distance > reach or unlike > _UNLIKE or max(areas) > _RESIZED**2 * min(areas):
        return NEVER
    return distance / reach + unlike / _UNLIKE


def covered(boxes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Largest share of each box that another one covers. boxes: (N, 4) xyxy px. Returns (N,) 0..1."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(-1)
    np.fill_diagonal(shared, 0)
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(-1), 1e-6)
    return np.asarray(shared.max(1, initial=0) / area, np.float32)
