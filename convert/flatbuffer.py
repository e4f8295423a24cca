"""What stands in a `.tflite` file: its operators and tensors, and the values they take. And writing such files."""

import itertools
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import flatbuffers
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

__all__ = [
    "GraphFile",
    "Operator",
    "model_bytes",
    "read_delegates",
    "read_graph",
    "record_activations",
    "shorten_names",
]


@dataclass(frozen=True)
class Operator:
    """One operator: its kind, such as CONV_2D, and the numbers of its tensors."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class GraphFile:
    """A graph as written: operators in order of execution, its inputs and outputs, tensor names by number."""

    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: dict[int, str]

    def name(self, operator: Operator) -> str:
        """Name of an operator: that of its first output tensor, which no other operator has."""
        return self.names[operator.outputs[0]]

    def producers(self) -> dict[int, Operator]:
        """Tensor number -> the operator that computes it. Constants and inputs have none."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}


def read_graph(model: bytes) -> GraphFile:
    """Read a graph without any delegate."""
    return _read(Interpreter(model_content=model, experimental_op_resolver_type=_PLAIN))


def read_delegates(model: bytes) -> tuple[Operator, ...]:
    """The nodes with which delegates replace parts of the graph, as LiteRT sets them up by default (XNNPACK)."""
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    return tuple(operator for operator in _read(interpreter).operators if operator.kind == "DELEGATE")


def record_activations(
    model: bytes, calls: Iterable[tuple[NDArray[np.float32], ...]]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Run a float graph and yield, for each call, every float tensor that it computes or is given, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keeping every tensor is what we want
        interpreter = Interpreter(model_content=model, num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    graph = read_graph(model)
    inputs = [int(detail["index"]) for detail in interpreter.get_input_details()]
    wanted = {tensor: graph.names[tensor] for tensor in (*inputs, *graph.producers())}
    for arrays in calls:
        for index, array in zip(inputs, arrays, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        values = ((name, interpreter.get_tensor(tensor)) for tensor, name in wanted.items())
        yield {name: value for name, value in values if value.dtype == np.float32}


def shorten_names(model: bytes) -> bytes:
    """Name tensors by their modules' paths alone, such as `backbone.3.2.expand.conv;1`.

    The converter writes the class of every module on the path, and several paths for what it folded: a hundred
    kilobytes of names in a graph of three hundred tensors.
    """
    contents = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for graph in contents.subgraphs:
        taken: set[str] = set()
        for tensor in graph.tensors:
            path = _WRAPPER.sub("", tensor.name.decode().rpartition(";;")[2])
            name = _CLASS.sub("", path).replace("/", ".")
            number = itertools.count(2)
            unique = name
            while unique in taken:
                unique = f"{name}~{next(number)}"
            taken.add(unique)
            tensor.name = unique.encode()
    return model_bytes(contents)


def model_bytes(contents: Any) -> bytes:
    """Write a model, a `ModelT` of the schema. Equal models give equal bytes.

    Arrays of equal content are written once: half of an int8 graph's quantisation is zero points, all of them 0. Those
    of bytes, which are weights, start at multiples of 16, as the schema asks and its Python writer does not.
    """
    builder = _Builder(1 << 20)
    builder.Finish(contents.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):
    """Writes NumPy arrays once each."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802  (the library's name)
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            if x.dtype == np.uint8:
                self.Prep(_ALIGNMENT, x.nbytes)  # what follows fills up to here, and so starts at a multiple
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


_IDENTIFIER: Final = b"TFL3"
_ALIGNMENT: Final = 16
_WRAPPER: Final = re.compile(r"^densepose_mobile\.convert\.litert\._Named(?:/[^/]*_module)?[/;]")
_CLASS: Final = re.compile(
    r"(?:\w+\.)+[A-Z]\w*?_(?=[a-z0-9])"
)  # of densepose_mobile.train.models.dense.DenseHead_dense_head
_PLAIN: Final = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def _read(interpreter: Any) -> GraphFile:
    return GraphFile(
        tuple(
            Operator(
                str(entry["op_name"]),
                tuple(int(tensor) for tensor in entry["inputs"] if tensor >= 0),
                tuple(int(tensor) for tensor in entry["outputs"] if tensor >= 0),
            )
            for entry in interpreter._get_ops_details()
        ),
        tuple(int(detail["index"]) for detail in interpreter.get_input_details()),
        tuple(int(detail["index"]) for detail in interpreter.get_output_details()),
        {int(detail["index"]): str(detail["name"]) for detail in interpreter.get_tensor_details()},
    )
