"""Where a person's box is going: a one-euro filter whose speed also predicts.

Casiez, Roussel and Vogel, "1 € Filter", CHI 2012: a low-pass filter whose cutoff grows with speed, so that a person who
stands still has a steady crop and one who runs is not left behind.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BoxMotion"]

_SPEED_CUTOFF: Final = 2.0  # Hz, of the speed's own low-pass filter
_HORIZON_MS: Final = 1000.0  # a speed tells the place no longer ahead than this
_FASTEST: Final = 3.0  # box sides or doublings (in e-folds) a second; what is above it is a jump, not a speed


@dataclass(frozen=True, eq=False)
class BoxMotion:
    """State of the filter after a measurement. Immutable: `moved` gives the next one."""

    t_ms: float
    measured: NDArray[np.float64]  # (4,) centre x, y px; log of width and height, px
    place: NDArray[np.float64]  # likewise, filtered
    speed: NDArray[np.float64]  # (4,) a second: centre in longer sides of the box, logs as they are

    @classmethod
    def start(cls, box: ArrayLike, t_ms: float) -> "BoxMotion":
        """At rest. box: (4,) xyxy px."""
        place = _place(box)
        return cls(t_ms, place, place, np.zeros(4))

    def moved(self, box: ArrayLike, t_ms: float, min_cutoff: float, speed_gain: float) -> "BoxMotion":
        """Take in a measurement. box: (4,) xyxy px at t_ms > self.t_ms. min_cutoff, speed_gain: see `VideoOptions`."""
        seconds = (t_ms - self.t_ms) / 1e3
        measured = _place(box)
        unit = self._unit()
        raw = np.clip((measured - self.measured) / unit / seconds, -_FASTEST, _FASTEST)
        speed = self.speed + _gain(_SPEED_CUTOFF, seconds) * (raw - self.speed)
        # One cutoff for x and y and one for both sizes, lest a diagonal bend.
        cutoff = np.repeat(np.hypot(speed[::2], speed[1::2]), 2) * speed_gain + min_cutoff
        # What is smoothed is the difference from the prediction, so that a steady walk is not lagged behind.
        ahead = self.place + self.speed * unit * min(seconds, _HORIZON_MS / 1e3)
        place = ahead + _gain(cutoff, seconds) * (measured - ahead)
        return BoxMotion(t_ms, measured, place, speed)

    def at(self, t_ms: float) -> NDArray[np.float32]:
        """The box predicted at constant speed and size, (4,) float32 xyxy px. Beyond a second ahead it stands still."""
        seconds = min(t_ms - self.t_ms, _HORIZON_MS) / 1e3
        centre = self.place[:2] + self.speed[:2] * self._unit()[:2] * seconds
        half = np.exp(self.place[2:]) / 2
        return np.concatenate([centre - half, centre + half]).astype(np.float32)

    def shifted(self, shift: ArrayLike) -> "BoxMotion":
        """The same in a frame whose content has moved. shift: (2,) x, y px."""
        by = np.concatenate([np.asarray(shift, np.float64), np.zeros(2)])
        return replace(self, measured=self.measured + by, place=self.place + by)

    def at_rest(self) -> "BoxMotion":
        """The same place without a speed."""
        return replace(self, speed=np.zeros(4))

    def _unit(self) -> NDArray[np.float64]:
        side = math.exp(float(self.place[2:].max()))
        return np.array([side, side, 1.0, 1.0])


def _place(box: ArrayLike) -> NDArray[np.float64]:
    low, high = np.asarray(box, np.float64).reshape(2, 2)
    return np.concatenate([(low + high) / 2, np.log(np.maximum(high - low, 1.0))])


def _gain(cutoff: ArrayLike, seconds: float) -> NDArray[np.float64]:
    """Share of the difference that a first-order low-pass filter takes over in one step."""
    turns = 2 * np.pi * np.asarray(cutoff, np.float64) * seconds
    return turns / (turns + 1)
