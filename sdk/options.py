"""How to predict: the options of a loaded model."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Final

from densepose_mobile.errors import InputError

__all__ = ["Options"]

_SHARES: Final = ("score", "doubtful", "presence", "overlap", "duplicate")


@dataclass(frozen=True)
class Options:
    """How to predict. Raises InputError for a value out of its range."""

    threads: int = 2  # of the runtime
    score: float = 0.4  # 0..1, smallest score of a person: the box IoU that the model expects
    doubtful: float = 0.28  # 0..1, smallest score of a person in "accurate", where a closer look must confirm it
    presence: float = 0.98  # 0..1, smallest probability that a closer look shows a person
    max_people: int = 20  # the best-scored stay
    overlap: float = 0.6  # 0..1, largest IoU of two people's detected boxes
    duplicate: float = 0.8  # 0..1, share of a person's pixels claimed by a better one above which they are the same
    closer_looks: int = 4  # most people looked at in a crop in "balanced"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            kind, called = (Real, "a number") if name in _SHARES else (Integral, "a whole number")
            if not isinstance(value, kind):
                raise InputError(f"Options.{name} is {value!r}; it must be {called}")
            plain = float if name in _SHARES else int
            object.__setattr__(self, name, plain(getattr(self, name)))  # runtimes refuse NumPy's numbers
        for name, low in (("threads", 1), ("max_people", 0), ("closer_looks", 0)):
            if getattr(self, name) < low:
                raise InputError(f"Options.{name} is {getattr(self, name)!r}; it must be {low} or more")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"Options.{name} is {getattr(self, name)!r}; it must be within 0..1")
