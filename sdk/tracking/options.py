"""How people are followed."""

from dataclasses import dataclass
from numbers import Integral, Real

from densepose_mobile.errors import InputError

__all__ = ["VideoOptions"]


@dataclass(frozen=True)
class VideoOptions:
    """Options of a video. Who counts as a person and how many are followed is said by the model's `Options`.

    Raises InputError for a value out of its range.
    """

    detect_every: int = 15  # frames; the whole picture is searched for newcomers this often
    search_every: int = 3  # frames; the same while somebody is lost, people overlap, or nobody is followed
    patience_ms: float = 1500.0  # how long a person who is out of sight keeps the number
    min_cutoff: float = 1.0  # Hz, of the one-euro filter of boxes: lower is steadier while people stand still
    speed_gain: float = 4.0  # Hz per box side a second, of the same filter: higher follows fast people with less delay

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            whole = name.endswith("_every")
            if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
                raise InputError(f"VideoOptions.{name} is {value!r}; it must be a {'whole ' if whole else ''}number")
            low, said = (1, "1 or more") if whole else (0, "0 or more")
            if not low <= float(value) < float("inf"):
                raise InputError(f"VideoOptions.{name} is {value!r}; it must be {said} and finite")
        if self.min_cutoff == 0:
            raise InputError("VideoOptions.min_cutoff is 0 Hz, which no box would move with; it must be above 0")
