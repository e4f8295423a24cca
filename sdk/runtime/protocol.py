"""The protocol of a runtime, so that the predictor, the parity checks and the tests know no third-party runtime."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.spec import GraphSpec

__all__ = ["Graph", "Runtime", "check_inputs"]


class Graph(Protocol):
    """One static graph, ready to run. Not for use by several threads at once."""

    @property
    def spec(self) -> GraphSpec:
        """Inputs and outputs, in call order."""

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run. Inputs in the order of the spec, float32; outputs likewise, and theirs to keep."""


class Runtime(Protocol):
    """A third-party runtime on this machine."""

    @property
    def name(self) -> str:
        """As given to `open_runtime`."""

    def load(self, spec: GraphSpec, model: bytes) -> Graph:
        """Prepare a graph.

        Raises BundleError where the model does not have the inputs and outputs of the spec, BackendUnavailable where
        the runtime cannot run it.
        """


def check_inputs(spec: GraphSpec, inputs: tuple[NDArray[Any], ...]) -> tuple[NDArray[np.float32], ...]:
    """The inputs as contiguous float32. Raises InputError where their number or shapes are not the spec's."""
    shapes = [np.shape(array) for array in inputs]
    expected = [tensor.shape for tensor in spec.inputs]
    if shapes != expected:
        names = ", ".join(tensor.name for tensor in spec.inputs)
        raise InputError(f"graph {spec.name!r} takes ({names}) of shapes {expected}, got {shapes}")
    return tuple(np.ascontiguousarray(array, np.float32) for array in inputs)
