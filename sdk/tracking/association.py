"""Who is who: pairs of lowest cost, and the cost of taking somebody for a person who was lost."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "covered", "likely_same", "pair"]

NEVER: Final = np.inf
"""Cost of a pair that must not be made."""

_NEAR: Final = 0.4  # longer sides of the predicted box that a found one may reach out of it
_DRIFT: Final = 0.4  # the same, more for each second that the person is lost
_UNLIKE: Final = 0.2  # difference of colours above which two people are not the same
_CENTRE: Final = 0.5  # weight of the distance of centres, which a person in part behind something does not keep


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

    A person who comes out from behind something shows a part of the body first, hence place is judged by how far the
    found box reaches out of the predicted one.
    predicted, found: (4,) xyxy px. unlike: difference of colours, 0..1. lost_ms: since the lost one was last seen.
    """
    side = max(float((predicted[2:] - predicted[:2]).max()), 1.0)
    outside = max(float((predicted[:2] - found[:2]).max()), float((found[2:] - predicted[2:]).max()), 0.0) / side
    reach = _NEAR + _DRIFT * lost_ms / 1e3
    if outside > reach or unlike > _UNLIKE:
        return NEVER
    apart = float(np.hypot(*(found[:2] + found[2:] - predicted[:2] - predicted[2:]))) / 2 / side
    return outside / reach + unlike / _UNLIKE + _CENTRE * apart


def covered(boxes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Largest share of each box that another one covers. boxes: (N, 4) xyxy px. Returns (N,) 0..1."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(-1)
    np.fill_diagonal(shared, 0)
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(-1), 1e-6)
    return np.asarray(shared.max(1, initial=0) / area, np.float32)
