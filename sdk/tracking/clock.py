"""Timestamps that must grow."""

import math
from numbers import Real

from densepose_mobile.errors import TimestampError

__all__ = ["Clock"]


class Clock:
    """The newest timestamp of a stream. A refused one changes nothing, so that the next good one is taken."""

    def __init__(self) -> None:
        self.now: float | None = None  # ms; None before the first frame

    def check(self, t_ms: float) -> float:
        """The timestamp as a float. Raises TimestampError unless it is a finite number above the newest one."""
        if not isinstance(t_ms, Real) or not math.isfinite(t_ms):
            raise TimestampError(f"timestamp {t_ms!r} is not a finite number: give milliseconds that grow")
        if self.now is not None and t_ms <= self.now:
            raise TimestampError(
                f"timestamp {t_ms} ms does not come after the previous one, {self.now:g} ms: give each frame the "
                "time at which it was taken, or leave the frame out"
            )
        return float(t_ms)

    def advance(self, t_ms: float) -> float:
        """Check a timestamp and make it the newest."""
        self.now = self.check(t_ms)
        return self.now
