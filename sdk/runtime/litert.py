"""LiteRT (TFLite) through `ai-edge-litert`: CPU kernels of XNNPACK."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.protocol import check_inputs
from densepose_mobile.spec import GraphSpec, TensorSpec

__all__ = ["LiteRtGraph", "LiteRtRuntime"]


class LiteRtRuntime:
    """Opens LiteRT graphs.

    threads: of each call, >= 1. Raises BackendUnavailable where `ai-edge-litert` is missing or does not load.
    """

    name = "litert"

    def __init__(self, threads: int = 2) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise BackendUnavailable(
                f'LiteRT does not load ({error}): pip install "densepose-mobile[litert]"'
            ) from error
        self._interpreter = Interpreter
        self._threads = threads

    def load(self, spec: GraphSpec, model: bytes) -> "LiteRtGraph":
        """Prepare a graph; see `Runtime.load`."""
        try:
            interpreter = self._interpreter(model_content=model, num_threads=self._threads)
        except (ValueError, RuntimeError, TypeError) as error:
            raise BundleError(f"LiteRT cannot read graph {spec.name!r} ({error}); convert the model again") from error
        return LiteRtGraph(spec, interpreter)


class LiteRtGraph:
    """One graph. Tensors are found by the names of the model's signature, or else by their order in it."""

    def __init__(self, spec: GraphSpec, interpreter: Any) -> None:
        self.spec = spec
        self._interpreter = interpreter
        try:
            interpreter.allocate_tensors()
        except RuntimeError as error:
            raise BackendUnavailable(f"LiteRT cannot run graph {spec.name!r} ({error}); try another target") from error
        inputs, outputs = _signature(interpreter)
        self._inputs = _indices(spec.name, "input", spec.inputs, inputs)
        self._outputs = _indices(spec.name, "output", spec.outputs, outputs)

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run; see `Graph`."""
        for index, array in zip(self._inputs, check_inputs(self.spec, inputs), strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(index) for index in self._outputs)


def _signature(interpreter: Any) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Name -> tensor details, of inputs and of outputs."""
    signatures = list(interpreter.get_signature_list())
    if len(signatures) == 1:
        runner = interpreter.get_signature_runner(signatures[0])
        return runner.get_input_details(), runner.get_output_details()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    return {str(i): d for i, d in enumerate(inputs)}, {str(i): d for i, d in enumerate(outputs)}


def _indices(graph: str, side: str, tensors: tuple[TensorSpec, ...], details: dict[str, dict[str, Any]]) -> list[int]:
    """Tensor number of each tensor of the spec. Converters that drop names number the tensors: args_0, args_1, ..."""
    names = [tensor.name for tensor in tensors]
    if set(details) != set(names):
        names = sorted(details, key=lambda name: [int(digits) for digits in re.findall(r"\d+", name)])
    found = [(tuple(int(n) for n in details[name]["shape"]), np.dtype(details[name]["dtype"]).name) for name in names]
    expected = [(tensor.shape, "float32") for tensor in tensors]
    if found != expected:
        raise BundleError(
            f"graph {graph!r} has the {side}s {found}, its spec says {expected}; convert the model again from its spec"
        )
    return [int(details[name]["index"]) for name in names]
