"""Milliseconds of the steps of a prediction."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["timed"]


@contextmanager
def timed(timings: dict[str, float], step: str) -> Iterator[None]:
    """Add the time that the block takes to the step's, in ms, also when the block raises."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[step] = timings.get(step, 0.0) + (time.perf_counter() - start) * 1e3
