"""What range of values each activation is quantised over: histograms of what it takes, and the range that loses least.

An int8 tensor has 255 steps for its whole range. Minimum and maximum waste them on rare outliers; the range that
minimises the mean squared error of rounding and clipping together keeps more of the signal (Banner et al., NeurIPS
2019, section 3, here by search over the measured histogram).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError

__all__ = ["METHODS", "Histogram", "Method", "Range", "collect_ranges"]

Method = Literal["minmax", "percentile", "mse"]
METHODS: Final[tuple[str, ...]] = get_args(Method)
"""How a range is chosen: all values, all but a ten-thousandth at either end, or the least squared error."""

_BINS: Final = 2048
_TAIL: Final = 1e-4
_KEPT: Final = np.concatenate([np.linspace(0.1, 0.9, 17), np.linspace(0.92, 1.0, 9)])  # candidate shares of the range
_STEPS: Final = 255


@dataclass(frozen=True)
class Range:
    """Values that a quantised tensor can take, zero among them."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low <= 0 <= self.high):
            raise InputError(f"a range is finite and contains 0, not {self.low} .. {self.high}")


@dataclass
class Histogram:
    """Counts of one tensor's values in equal bins between its extremes, which grow as values are added."""

    low: float = 0.0
    high: float = 0.0
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_BINS))

    def add(self, values: NDArray[np.floating]) -> None:
        """Count more values, any shape. Raises InputError where one is not finite."""
        flat = np.asarray(values, np.float32).ravel()
        if flat.size == 0:
            return
        low, high = float(flat.min()), float(flat.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError("an activation is not finite: the weights or the calibration pictures are broken")
        self._stretch(min(low, self.low), max(high, self.high))
        if self.high > self.low:
            scaled = (flat - np.float32(self.low)) * np.float32(_BINS / (self.high - self.low))
            self.counts += np.bincount(np.clip(scaled.astype(np.int32), 0, _BINS - 1), minlength=_BINS)
        else:
            self.counts[0] += flat.size

    def range(self, method: Method = "mse") -> Range:
        """The range to quantise over. Raises InputError for an unknown method."""
        if method not in METHODS:
            raise InputError(f"unknown calibration method {method!r}: one of {', '.join(METHODS)}")
        if method == "minmax" or self.high <= self.low or not self.counts.any():
            return Range(self.low, self.high)
        if method == "percentile":
            share = np.cumsum(self.counts) / self.counts.sum()
            low, high = np.searchsorted(share, _TAIL), np.searchsorted(share, 1 - _TAIL) + 1
            width = (self.high - self.low) / _BINS
            return Range(min(self.low + low * width, 0.0), max(self.low + high * width, 0.0))
        return self._least_error()

    def _stretch(self, low: float, high: float) -> None:
        """Grow the extremes and move old counts to the bins where they now lie."""
        if low == self.low and high == self.high:
            return
        old = np.flatnonzero(self.counts)
        if old.size:
            centres = self.low + (old + 0.5) * (self.high - self.low) / _BINS
            bins = np.clip(((centres - low) / (high - low) * _BINS).astype(np.intp), 0, _BINS - 1)
            self.counts = np.bincount(bins, self.counts[old], _BINS).astype(np.float64)
        self.low, self.high = low, high

    def _least_error(self) -> Range:
        filled = np.flatnonzero(self.counts)
        weights = self.counts[filled] / self.counts.sum()
        values = self.low + (filled + 0.5) * (self.high - self.low) / _BINS
        lows = np.unique(np.minimum(self.low * _KEPT, 0.0))
        highs = np.unique(np.maximum(self.high * _KEPT, 0.0))
        # Clipping error depends on one end only; rounding error is step² / 12 for the values that are kept.
        below = np.array([(weights * np.square(np.minimum(values - low, 0))).sum() for low in lows])
        above = np.array([(weights * np.square(np.maximum(values - high, 0))).sum() for high in highs])
        step = np.maximum(highs[None] - lows[:, None], 0) / _STEPS
        # A value that is exactly zero, as after a rectifier, is kept exactly.
        zero = weights[np.abs(values) <= (self.high - self.low) / _BINS].sum() if self.low >= 0 else 0.0
        error = below[:, None] + above[None] + (1 - zero) * np.square(step) / 12
        error[step <= 0] = np.inf
        row, column = np.unravel_index(int(error.argmin()), error.shape)
        return Range(float(lows[row]), float(highs[column]))


def collect_ranges(
    activations: Iterable[Mapping[str, NDArray[np.floating]]],
    method: Method = "mse",
    exact: Callable[[str], bool] | None = None,
    samples: int = 65536,
    seed: int = 0,
) -> dict[str, Range]:
    """Ranges of every named tensor over many runs of a graph.

    activations: one mapping of tensor name to values for each run. exact: says which tensors take their full range
    whatever the method. samples: values of a tensor that are counted in each run, drawn evenly; extremes are of all.

    Raises:
        InputError: no runs, or a value is not finite.
    """
    histograms: dict[str, Histogram] = {}
    rng = np.random.default_rng(seed)
    for run in activations:
        for name, values in run.items():
            flat = np.asarray(values).ravel()
            histogram = histograms.setdefault(name, Histogram())
            if flat.size > samples:
                stride = flat.size // samples
                counted = flat[int(rng.integers(stride)) :: stride]
                # Extremes of all values bound the histogram even where the sample misses them.
                flat = np.concatenate([counted, [flat.min(), flat.max()]])
            histogram.add(flat)
    if not histograms:
        raise InputError("no activations were collected: the calibration set is empty")
    return {
        name: histogram.range("minmax" if exact is not None and exact(name) else method)
        for name, histogram in histograms.items()
    }
