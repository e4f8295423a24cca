"""The TFLite interpreter, which LiteRT and tflite-runtime share: CPU kernels of XNNPACK."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.protocol import Placement, check_inputs, check_tensors
from densepose_mobile.runtime.signatures import alone, subgraph_of
from densepose_mobile.spec import GraphSpec, TensorSpec

__all__ = ["InterpreterGraph", "InterpreterRuntime"]

_XNNPACK: Final = "XNNPACK"
_DELEGATE: Final = "DELEGATE"
_PLAIN: Final = "built-in kernels"


@dataclass(frozen=True, eq=False)
class _Opened:
    """A model and its one interpreter, which reads weights from the model's bytes for as long as it lives."""

    model: bytes
    interpreter: Any


class InterpreterRuntime:
    """Opens TFLite graphs with an `Interpreter` class. title: the runtime's name in messages; threads: of each call.

    Graphs of one model share an interpreter: weights are in memory once, and so is the room for what they compute.
    """

    name: str

    def __init__(self, title: str, interpreter: Any, threads: int) -> None:
        self._title = title
        self._interpreter = interpreter
        self._threads = threads
        self._opened: WeakValueDictionary[int, _Opened] = WeakValueDictionary()  # by the identity of the model's bytes

    def load(self, spec: GraphSpec, model: bytes) -> "InterpreterGraph":
        """Prepare a graph; see `Runtime.load`."""
        opened = self._opened.get(id(model))
        if opened is None:
            opened = self._opened[id(model)] = _Opened(model, self._prepare(spec.name, model))
        graph = InterpreterGraph(spec, opened, self)
        with self._running(spec.name):
            graph.allocate()
        return graph

    def _prepare(self, graph: str, model: bytes) -> Any:
        """An interpreter that is ready to run its first graph. graph: whose it is, for messages."""
        try:
            interpreter = self._interpreter(model_content=model, num_threads=self._threads)
        except (ValueError, RuntimeError, TypeError) as error:
            raise BundleError(
                f"{self._title} cannot read graph {graph!r} ({error}); convert the model again"
            ) from error
        with self._running(graph):
            interpreter.allocate_tensors()  # delegates take the other graphs of the model at this, too
        return interpreter

    @contextmanager
    def _running(self, graph: str) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise BackendUnavailable(
                f"{self._title} cannot run graph {graph!r} ({error}); try another target"
            ) from error

    def place(self, graph: str, opened: _Opened, signature: str, outputs: list[int]) -> Placement:
        """Where a graph of an opened model runs. outputs: numbers of its tensors.

        An interpreter tells of its first graph only; another one is looked at in an interpreter that has it alone and
        is let go at once. What holds there holds here: a delegate takes the graphs of an interpreter all or none.
        """
        interpreter = opened.interpreter
        if subgraph_of(opened.model, signature):
            interpreter = self._prepare(graph, alone(opened.model, signature))
        return _placement(interpreter, outputs, self._threads)


class InterpreterGraph:
    """One graph: the signature that has its name, or the only one of the model.

    Tensors are found by the names of the signature, or else by their order in it.
    """

    def __init__(self, spec: GraphSpec, opened: _Opened, runtime: InterpreterRuntime) -> None:
        self.spec = spec
        self._opened = opened
        self._runtime = runtime
        self._signature = _signature(spec.name, list(opened.interpreter.get_signature_list()))
        self._run = opened.interpreter.get_signature_runner(self._signature)
        inputs, outputs = self._run.get_input_details(), self._run.get_output_details()
        self._inputs = _names(spec.name, "input", spec.inputs, inputs)
        self._outputs = _names(spec.name, "output", spec.outputs, outputs)
        self._numbers = [int(outputs[name]["index"]) for name in self._outputs]

    def allocate(self) -> None:
        """What the first call would do; before it, one knows whether the graph can run. Raises RuntimeError.

        There is no public way to it. Where the private one is gone, the first call does it after all.
        """
        with suppress(AttributeError):
            self._run._interpreter_wrapper.AllocateTensors(self._run._subgraph_index)

    @cached_property
    def placement(self) -> Placement:
        """Where it runs, looked at when asked."""
        return self._runtime.place(self.spec.name, self._opened, self._signature, self._numbers)

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run; see `Graph`."""
        outputs = self._run(**dict(zip(self._inputs, check_inputs(self.spec, inputs), strict=True)))
        return tuple(outputs[name] for name in self._outputs)


def _signature(graph: str, found: list[str]) -> str:
    if graph in found:
        return graph
    if len(found) == 1:  # a model of this graph alone; converters call it serving_default
        return found[0]
    raise BundleError(
        f"the model has no graph {graph!r} among its signatures ({', '.join(found) or 'none'}); convert it again"
    )


def _names(graph: str, side: str, tensors: tuple[TensorSpec, ...], details: dict[str, dict[str, Any]]) -> list[str]:
    """The signature's names of the spec's tensors. Converters that drop names number them: args_0, args_1, ..."""
    names = [tensor.name for tensor in tensors]
    if set(details) != set(names):
        names = sorted(details, key=lambda name: [int(digits) for digits in re.findall(r"\d+", name)])
    found = [(tuple(int(n) for n in details[name]["shape"]), np.dtype(details[name]["dtype"]).name) for name in names]
    check_tensors(graph, side, tensors, found)
    return names


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
