"""Golden vectors as JSON that any language reads: arrays flat and row-major, float32 in its shortest decimals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.spec import ModelSpec

__all__ = ["Case", "VectorFile", "spec_fields", "tensor"]

Case = dict[str, Any]
"""name, given, and expected; `expected` is absent where the step must refuse what is given."""


@dataclass(frozen=True)
class VectorFile:
    """The vectors of one host step."""

    step: str  # the file's name without its suffix
    about: str
    tolerance: float  # of floats: |found - expected| <= tolerance * max(1, |expected|). Whole numbers are exact
    cases: Sequence[Case]
    slack: float = 0.0  # share of an array that may differ: 0 where no value is near a threshold, as in ours

    def text(self) -> str:
        """The file's JSON, one case a line, so that a change shows which case it changes."""
        head = {"step": self.step, "about": self.about, "tolerance": self.tolerance, "slack": self.slack}
        lines = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in self.cases)
        return json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"


def tensor(array: NDArray[Any]) -> dict[str, Any]:
    """shape, and values flat and row-major. Floats become float32, booleans 0 and 1."""
    array = np.asarray(array)
    if not np.issubdtype(array.dtype, np.floating):
        return {"shape": list(array.shape), "values": array.astype(np.int64).ravel().tolist()}
    flat = array.astype(np.float32).ravel()
    if not np.isfinite(flat).all():
        raise ValueError("golden vectors hold finite numbers only")
    return {"shape": list(array.shape), "values": [float(text) for text in flat.astype(str)]}


def spec_fields(spec: ModelSpec) -> Mapping[str, Any]:
    """Every field of a spec, as in `model.json`."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(spec).items()}
