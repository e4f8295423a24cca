"""Percentile bootstrap by picture (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13)."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["RESAMPLES", "interval", "ratio_samples", "resample", "statistic_samples"]

RESAMPLES: Final = 2000
_BLOCK: Final = 250  # resamples held at once


def resample(count: int, seed: int, resamples: int = RESAMPLES) -> Iterator[NDArray[np.int64]]:
    """Blocks (B, count) of how often each of `count` pictures is drawn; the same for the same count and seed."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _BLOCK):
        block = min(_BLOCK, resamples - start)
        yield rng.multinomial(count, np.full(count, 1 / count), size=block)


def ratio_samples(
    numerators: NDArray[np.floating], denominators: NDArray[np.floating], seed: int, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Ratio of sums in each resample.

    numerators, denominators: (pictures, M) sums of M measures by picture.

    Returns (resamples, M), nan where nothing counts.
    """
    samples = []
    for weights in resample(len(numerators), seed, resamples):
        below = weights @ np.asarray(denominators, np.float64)
        above = weights @ np.asarray(numerators, np.float64)
        samples.append(np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0))
    return np.concatenate(samples)


def statistic_samples(
    statistic: Callable[[NDArray[np.int64]], tuple[float, ...]], count: int, seed: int, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """A statistic of the picture weights (count,) in each resample. Returns (resamples, values)."""
    return np.array([statistic(weights) for block in resample(count, seed, resamples) for weights in block])


def interval(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """2.5th and 97.5th percentile of each column of samples (resamples, M), nan left out. Returns (2, M)."""
    ends = np.full((2, samples.shape[1]), np.nan)
    for column, values in enumerate(np.asarray(samples, np.float64).T):
        finite = values[np.isfinite(values)]
        if finite.size:
            ends[:, column] = np.percentile(finite, (2.5, 97.5))
    return ends
