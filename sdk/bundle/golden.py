"""Golden inputs and outputs: whether a graph computes here what it computed where it was made."""

from collections.abc import Mapping
from dataclasses import dataclass
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

    @property
    def passed(self) -> bool:
        """False for NaN as well."""
        return self.rms_error <= ABSOLUTE + RELATIVE * self.rms


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
        error = np.sqrt(np.mean((output - expected) ** 2))
        deviations.append(Deviation(name, tensor.name, float(error), float(np.sqrt(np.mean(expected**2)))))
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
