"""What is measured: one combination of model, backend, threads and mode or graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from densepose_mobile.predictor import Mode

__all__ = ["MODES", "Case", "Effort", "Measurement"]

MODES: Final = (*get_args(Mode), "video")
"""Ways of looking: the modes of `DensePose.predict` on a picture file, and "video": people followed through frames."""


@dataclass(frozen=True)
class Case:
    """One combination, measured in processes of its own. Either a mode or a graph."""

    model: str  # path of a bundle, or the name of a shipped one
    backend: str  # as asked for: a name of `runtime.backends()` or "auto"
    threads: int  # of the runtime, of OpenCV and of NumPy, each
    mode: str | None = None  # of MODES: pictures from end to end
    graph: str | None = None  # of `ModelSpec.graphs()`: this graph alone, on random input

    def __str__(self) -> str:
        return f"{self.model}, {self.backend}, {self.mode or self.graph}, threads {self.threads}"


@dataclass(frozen=True)
class Effort:
    """How often each case is measured."""

    rounds: int = 3  # processes of each case; all cases have their turn in each round
    repeats: int = 30  # timed calls on each picture in each process; in a video, twice the time between two searches
    warmup: int = 5  # calls before them that are not counted
    timeout: float = 900.0  # seconds of one process, after which it is ended


@dataclass(frozen=True)
class Measurement:
    """What one process measured."""

    backend: str  # that ran
    placement: Mapping[str, str]  # graph -> where it lies, as its runtime tells
    elsewhere: list[str]  # graphs with operators that are known not to lie on what was asked for
    load_ms: float  # from the bundle's file to a model that is ready; the runtime's import is in it
    first_ms: float  # the first call, cold
    ms: Mapping[str, list[float]]  # stage -> wall time of each timed call; a graph has "total" alone
    cpu_ms: list[float]  # processor time of each timed call, of all threads together
    people: Mapping[str, int]  # picture -> people found in it by the last call
    base_mib: float | None  # peak resident memory before the model was loaded: Python, NumPy, OpenCV
    peak_mib: float | None  # and at the end; None where the system does not tell
