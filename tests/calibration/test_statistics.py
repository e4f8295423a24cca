"""Ranges of activations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.calibration.statistics import METHODS, Histogram, Range, collect_ranges
from densepose_mobile.errors import InputError


def _quantised(values: np.ndarray, kept: Range) -> np.ndarray:
    step = (kept.high - kept.low) / 255
    return np.clip(np.round((values - kept.low) / step), 0, 255) * step + kept.low


def _error(values: np.ndarray, kept: Range) -> float:
    return float(np.square(values - _quantised(values, kept)).mean())


def test_minmax_keeps_everything() -> None:
    histogram = Histogram()
    histogram.add(np.array([-3.0, 1.0]))
    histogram.add(np.array([0.5, 7.0]))
    assert histogram.range("minmax") == Range(-3.0, 7.0)


def test_least_squares_beats_the_extremes_where_there_are_outliers() -> None:
    values = np.random.default_rng(0).normal(0, 1, 100_000).astype(np.float32)
    values[:3] = [60.0, -50.0, 40.0]
    histogram = Histogram()
    histogram.add(values)
    chosen = {method: histogram.range(method) for method in METHODS}  # type: ignore[arg-type]
    assert _error(values, chosen["mse"]) < 0.8 * _error(values, chosen["minmax"])
    assert chosen["percentile"].high < 10


def test_least_squares_keeps_the_whole_range_of_even_values() -> None:
    values = np.random.default_rng(0).uniform(0, 6, 100_000)
    histogram = Histogram()
    histogram.add(values)
    kept = histogram.range("mse")
    assert kept.low == 0
    assert kept.high > 5.9


@given(st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20), min_size=1, max_size=6))
def test_every_range_is_within_the_extremes_and_holds_zero(parts: list[list[float]]) -> None:
    histogram = Histogram()
    for part in parts:
        histogram.add(np.array(part, np.float32))
    values = np.concatenate([np.array(part, np.float32) for part in parts])
    assert histogram.counts.sum() == values.size
    full = histogram.range("minmax")
    assert (full.low, full.high) == (min(float(values.min()), 0.0), max(float(values.max()), 0.0))
    for method in ("percentile", "mse"):
        kept = histogram.range(method)  # type: ignore[arg-type]
        assert full.low - 1e-3 <= kept.low <= 0 <= kept.high <= full.high * 1.001 + 1e-3


def test_ranges_are_collected_over_runs_and_sampled_extremes_are_not_lost() -> None:
    big = np.zeros(300_000, np.float32)
    big[12_345] = 9.0
    runs = [{"a": big, "b": np.array([1.0])}, {"a": big * 0, "b": np.array([-2.0])}]
    ranges = collect_ranges(runs, "minmax", samples=1000)
    assert ranges == {"a": Range(0.0, 9.0), "b": Range(-2.0, 1.0)}


def test_chosen_tensors_keep_their_full_range() -> None:
    values = np.random.default_rng(0).normal(0, 1, 10_000)
    values[0] = 100
    ranges = collect_ranges([{"a": values, "b": values}], "mse", exact=lambda name: name == "b")
    assert ranges["a"].high < ranges["b"].high == 100


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_activations_are_an_error(value: float) -> None:
    with pytest.raises(InputError, match="not finite"):
        collect_ranges([{"a": np.array([0.0, value])}])


def test_nothing_to_collect_is_an_error() -> None:
    with pytest.raises(InputError, match="empty"):
        collect_ranges([])
    with pytest.raises(InputError, match="unknown calibration method"):
        Histogram().range("best")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="contains 0"):
        Range(1.0, 2.0)
