"""How fast results come: rate and median latency over a short while."""

from collections import deque
from statistics import median
from typing import Final

__all__ = ["Meter"]

_WINDOW_S: Final = 2.0
_SILENCE_S: Final = 6.0
_FEWEST: Final = 3
_LATENCIES: Final = 60


class Meter:
    """Counts results. Times are seconds of one clock that never runs backwards."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)

    def add(self, now: float, latency_s: float) -> None:
        """A result came."""
        self._times.append(now)
        self._latencies.append(latency_s)

    def fps(self, now: float) -> float:
        """Results a second over the last two seconds, or over the last three results where they came more slowly.

        0 when nothing has come for long.
        """
        while len(self._times) > _FEWEST and self._times[0] < now - _WINDOW_S:
            self._times.popleft()
        if len(self._times) < 2 or self._times[-1] < now - _SILENCE_S:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0] or 1e-9)

    def latency_ms(self) -> float | None:
        """Median of the last sixty, or None before the first."""
        return 1000 * median(self._latencies) if self._latencies else None
