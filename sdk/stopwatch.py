"""Where the time of a prediction goes, stage by stage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["STAGES", "Stopwatch"]

STAGES: Final = ("read", "pre", "detect", "host", "dense", "track", "post")
"""read: decoding a file, colour order, turning upright. pre: letterbox, crops, normalisation. detect, dense, track: the
graphs alone. host: decoding boxes, suppression, RoI weights, whom to look at closer, following people through frames.
post: silhouettes, who owns a pixel, part and U, V of each pixel."""


class Stopwatch:
    """Adds up milliseconds by stage; a stage may be entered many times, never within another one."""

    def __init__(self) -> None:
        self._spent = dict.fromkeys(STAGES, 0.0)
        self._started = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the block to a stage of STAGES."""
        start = time.perf_counter()
        yield
        self._spent[stage] += (time.perf_counter() - start) * 1e3

    def timings(self) -> dict[str, float]:
        """Milliseconds of each stage so far, and "total": all since the stopwatch was made."""
        return {**self._spent, "total": (time.perf_counter() - self._started) * 1e3}
