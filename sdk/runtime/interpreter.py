"""The TFLite interpreter, which LiteRT and tflite-runtime share: CPU kernels of XNNPACK."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.protocol import Placement, check_inputs, check_tensors
from densepose_mobile.spec import GraphSpec, TensorSpec

__all__ = ["InterpreterGraph", "InterpreterRuntime"]

_XNNPACK: Final = "XNNPACK"
_DELEGATE: Final = "DELEGATE"
_PLAIN: Final = "built-in kernels"


class InterpreterRuntime:
    """Opens TFLite graphs with an `Interpreter` class. title: the runtime's name in messages; threads: of each call."""

    name: str

    def __init__(self, title: str, interpreter: Any, threads: int) -> None:
        self._title = title
        self._interpreter = interpreter
        self._threads = threads

    def load(self, spec: GraphSpec, model: bytes) -> "InterpreterGraph":
        """Prepare a graph; see `Runtime.load`."""
        try:
            interpreter = self._interpreter(model_content=model, num_threads=self._threads)
        except (ValueError, RuntimeError, TypeError) as error:
            raise BundleError(
                f"{self._title} cannot read graph {spec.name!r} ({error}); convert the model again"
            ) from error
        try:
            interpreter.allocate_tensors()
        except RuntimeError as error:
            raise BackendUnavailable(
                f"{self._title} cannot run graph {spec.name!r} ({error}); try another target"
            ) from error
        return InterpreterGraph(spec, interpreter, self._threads)


class InterpreterGraph:
    """One graph. Tensors are found by the names of the model's signature, or else by their order in it."""

    def __init__(self, spec: GraphSpec, interpreter: Any, threads: int) -> None:
        self.spec = spec
        self._interpreter = interpreter
        inputs, outputs = _signature(interpreter)
        self._inputs = _indices(spec.name, "input", spec.inputs, inputs)
        self._outputs = _indices(spec.name, "output", spec.outputs, outputs)
        self.placement = _placement(interpreter, self._outputs, threads)

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
    check_tensors(graph, side, tensors, found)
    return [int(details[name]["index"]) for name in names]


def _placement(interpreter: Any, outputs: list[int], threads: int) -> Placement:
    """Which nodes run: the interpreter lists those that a delegate replaced as well, but nothing asks for theirs."""
    try:
        nodes = interpreter._get_ops_details()
    except AttributeError:
        return Placement(_XNNPACK, (_XNNPACK,), None, threads)
    run = list(_nodes_that_run(nodes, outputs))
    delegates = sum(node["op_name"] == _DELEGATE for node in run)
    plain = tuple(str(node["op_name"]) for node in run if node["op_name"] != _DELEGATE)
    return Placement(_XNNPACK, (_XNNPACK,) * delegates + (_PLAIN,) * bool(plain), plain, threads)


def _nodes_that_run(nodes: list[Mapping[str, Any]], outputs: list[int]) -> Iterator[Mapping[str, Any]]:
    """From the outputs back to the inputs; a tensor that a delegate gives is taken from the delegate."""
    producers: dict[int, Mapping[str, Any]] = {}
    for node in sorted(nodes, key=lambda node: node["op_name"] == _DELEGATE):
        producers |= {int(tensor): node for tensor in node["outputs"]}
    wanted, seen = list(outputs), set()
    while wanted:
        found = producers.get(wanted.pop())
        if found is not None and found["index"] not in seen:
            seen.add(found["index"])
            wanted += [int(tensor) for tensor in found["inputs"]]
            yield found
