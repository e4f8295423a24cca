"""Who is taken for whom."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from densepose_mobile.tracking.association import NEVER, covered, likely_same, pair

COSTS = st.tuples(st.integers(0, 5), st.integers(0, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.1, 0.5, 1.0, NEVER]))
)
BOX = np.array([100.0, 100, 200, 400])


@given(COSTS)
def test_pairs_are_one_to_one_and_leave_no_possible_pair(cost: np.ndarray) -> None:
    pairs = pair(cost)
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    assert len(rows) == len(columns) == len(pairs)
    costs = [cost[row, column] for row, column in pairs]
    assert costs == sorted(costs)
    assert NEVER not in costs
    left = np.delete(np.delete(cost, sorted(rows), 0), sorted(columns), 1)
    assert (left == NEVER).all()


@given(st.floats(0, 0.4), st.floats(0, 0.2), st.floats(0, 2000))
def test_near_and_alike_is_cheap(shift: float, unlike: float, lost_ms: float) -> None:
    found = BOX + np.array([0, shift, 0, shift]) * 300
    cost = likely_same(BOX, found, unlike, lost_ms)
    assert 0 <= cost <= 2.2
    assert likely_same(BOX, BOX, 0, lost_ms) == 0
    assert likely_same(BOX, found, unlike, lost_ms + 100) <= cost


def test_gates() -> None:
    far = BOX + np.array([400, 0, 400, 0])
    assert likely_same(BOX, far, 0, 0) == NEVER
    assert likely_same(BOX, far, 0, 5000) < NEVER  # may have walked there by now
    assert likely_same(BOX, BOX, 0.5, 0) == NEVER
    assert likely_same(BOX, BOX + np.array([-150, -150, 150, 150]), 0, 0) == NEVER  # people do not swell


@given(st.tuples(*[st.floats(0, 1)] * 4))
def test_a_part_of_the_body_may_be_all_that_shows(shares: tuple[float, ...]) -> None:
    x0, x1 = sorted(shares[:2])
    y0, y1 = sorted(shares[2:])
    part = BOX[[0, 1, 0, 1]] + np.array([x0, y0, x1, y1]) * [100, 300, 100, 300]
    assert likely_same(BOX, part, 0, 0) < 0.5


def test_covered_share() -> None:
    boxes = [[0, 0, 10, 10], [5, 0, 15, 10], [4, 4, 6, 6], [50, 50, 60, 60]]
    np.testing.assert_allclose(covered(np.array(boxes)), [0.5, 0.5, 1, 0])
    assert covered(np.zeros((0, 4))).shape == (0,)
