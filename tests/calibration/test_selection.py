"""Choosing varied pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.calibration.selection import STATISTICS, choose, describe, farthest_points
from densepose_mobile.errors import InputError


def _statistic(rgb: np.ndarray, name: str) -> float:
    return float(describe(rgb)[STATISTICS.index(name)])


def test_statistics_tell_light_colour_and_scale() -> None:
    grey = np.full((64, 96, 3), 128, np.uint8)
    red = np.zeros((64, 96, 3), np.uint8)
    red[..., 0] = 255
    y, x = np.indices((128, 128))
    fine, coarse = (((y // n + x // n) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2) for n in (2, 32))
    assert _statistic(grey, "brightness") == pytest.approx(128 / 255, abs=1e-3)
    assert _statistic(grey, "contrast") == 0
    assert _statistic(red, "saturation") == pytest.approx(1)
    assert _statistic(red, "warmth") > _statistic(grey, "warmth")
    assert _statistic(fine, "fine detail") > 4 * _statistic(coarse, "fine detail")
    assert _statistic(coarse, "coarse detail") > 4 * _statistic(fine, "coarse detail")


def test_farthest_points_take_every_cluster_before_any_twice() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10], [5, 30]], np.float32)
    points = np.concatenate([centre + rng.normal(0, 0.1, (50, 2)) for centre in centres]).astype(np.float32)
    chosen = farthest_points(points, 5, seed=3)
    assert sorted(chosen // 50) == [0, 1, 2, 3, 4]


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 5))
def test_choice_is_distinct_of_the_right_size_and_repeatable(rows: int, count: int, seed: int) -> None:
    points = np.random.default_rng(rows).integers(0, 3, (rows, 4)).astype(np.float32)  # with ties and equal rows
    chosen = choose(points, count, seed)
    assert len(chosen) == len(set(chosen.tolist())) == min(rows, count)
    assert chosen.min() >= 0
    assert chosen.max() < rows
    np.testing.assert_array_equal(chosen, choose(points, count, seed))


@pytest.mark.parametrize(("rows", "count"), [(0, 3), (5, 0)])
def test_impossible_choices_are_refused(rows: int, count: int) -> None:
    with pytest.raises(InputError):
        farthest_points(np.zeros((rows, 2), np.float32), count)
