"""Golden inputs and outputs: whether a graph computes here what it computed where it was made."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BundleError
from densepose_mobile.runtime import Graph
from densepose_mobile.spec import TensorSpec

__all__ = ["ABSOLUTE", "RELATIVE", "Deviation", "compare"]

ABSOLUTE: Final = 0.02
RELATIVE: Final = 0.05
"""An output passes when its rms error is at most ABSOLUTE + RELATIVE * rms of the golden output. Between processors,
float kernels differ by rounding and int8 kernels by single steps; a wrong graph errs by as much as there is signal."""


@dataclass(frozen=True)
class Deviation:
    """How far one output is from its golden values."""

    graph: str
    output: str
    rms_error: float
    rms: float  # of the golden output
    max_abs: float  # greatest difference of any value

    @property
    def tolerance(self) -> float:
        """Greatest rms error that passes."""
        return ABSOLUTE + RELATIVE * self.rms

    @property
    def passed(self) -> bool:
        """False for NaN as well."""
        return self.rms_error <= self.tolerance

    @property
    def sqnr_db(self) -> float:
        """Signal to quantisation-noise ratio in dB: infinite without any error. Golden values are rounded themselves,
        by up to a tenth of their rms, so that about 30 dB is as good as it gets."""
        if self.rms_error == 0:
            return math.inf
        return 20 * math.log10(self.rms / self.rms_error) if self.rms > 0 else -math.inf

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for what is not finite."""
        values = {**asdict(self), "tolerance": self.tolerance, "sqnr_db": self.sqnr_db, "passed": self.passed}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }


def compare(graph: Graph, golden: Mapping[str, NDArray[Any]]) -> list[Deviation]:
    """Run a graph on its golden inputs.

    golden: "GRAPH/TENSOR" -> array of the spec's shape. An input that is absent under the graph's own name is another
    graph's output of that tensor name, so that the features of `detect` are stored once and serve `dense_1` and
    `dense_4`. Every output must be there.

    Raises BundleError where an array is missing or has another shape than the spec.
    """
    name = graph.spec.name
    outputs = graph(*(_array(golden, name, tensor, borrow=True) for tensor in graph.spec.inputs))
    deviations = []
    for tensor, output in zip(graph.spec.outputs, outputs, strict=True):
        expected = _array(golden, name, tensor, borrow=False).astype(np.float64)
        difference = output - expected
        error, rms = (float(np.sqrt(np.mean(array**2))) for array in (difference, expected))
        deviations.append(Deviation(name, tensor.name, error, rms, float(np.abs(difference).max())))
    return deviations


def _array(golden: Mapping[str, NDArray[Any]], graph: str, tensor: TensorSpec, *, borrow: bool) -> NDArray[np.float32]:
    key = f"{graph}/{tensor.name}"
    if borrow and key not in golden:
        key = next((other for other in golden if other.endswith(f"/{tensor.name}")), key)
    if key not in golden:
        raise BundleError(f"the bundle has no golden array {key!r}; it has {', '.join(golden)}; write the bundle again")
    if golden[key].shape != tensor.shape:
        raise BundleError(
            f"golden array {key!r} has shape {golden[key].shape}, the spec says {tensor.shape}; write the bundle again"
        )
    return golden[key].astype(np.float32)
