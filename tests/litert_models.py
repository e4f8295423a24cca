"""LiteRT graphs of a few operators, written without a converter: in milliseconds, and with what no converter writes."""

from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.spec import GraphSpec, TensorSpec

SHAPE: Final = (2, 8)
_TYPES: Final = {"float32": 0, "int32": 2}
_OPERATORS: Final = {"ADD": 0, "MUL": 18, "CUMSUM": 128}  # XNNPACK takes the first two


def spec_of(name: str) -> GraphSpec:
    """What `chain` makes: x -> y."""
    return GraphSpec(name, (TensorSpec("x", SHAPE),), (TensorSpec("y", SHAPE),))


def compute(x: NDArray[Any], *steps: tuple[str, Any]) -> NDArray[Any]:
    """What the graph of these steps makes of x."""
    for kind, constant in steps:
        x = x + constant if kind == "ADD" else x * constant if kind == "MUL" else np.cumsum(x, int(constant))
    return x


def contents(*steps: tuple[str, Any], least_runtime: str = "") -> Any:
    """A `ModelT` of x (2, 8) -> y: one operator after the other, each with a constant, such as ("MUL", weights)."""
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert import schema_py_generated as schema

    tensors = [schema.TensorT(shape=list(SHAPE), name="x")]
    buffers, codes, operators = [schema.BufferT()], [], []
    for kind, constant in steps:
        value = np.asarray(constant, np.int32 if kind == "CUMSUM" else np.float32)
        codes.append(schema.OperatorCodeT(min(_OPERATORS[kind], 127), builtinCode=_OPERATORS[kind]))
        buffers.append(schema.BufferT(np.frombuffer(value.tobytes(), np.uint8)))
        kept = schema.TensorT(shape=list(value.shape), type=_TYPES[value.dtype.name], buffer=len(buffers) - 1, name="c")
        made = schema.TensorT(shape=list(SHAPE), name=f"after {kind}")
        tensors += [kept, made]
        last = len(tensors) - 1
        operators.append(schema.OperatorT(len(codes) - 1, [max(last - 2, 0), last - 1], [last]))
    notes = []
    if least_runtime:
        buffers.append(schema.BufferT(np.frombuffer(least_runtime.encode().ljust(16, b"\0"), np.uint8)))
        notes = [
            schema.MetadataT("min_runtime_version", len(buffers) - 1),
            schema.MetadataT("made_by", len(buffers) - 1),
        ]
    last = len(tensors) - 1
    names = schema.TensorMapT("x", 0), schema.TensorMapT("y", last)
    return schema.ModelT(
        version=3,
        operatorCodes=codes,
        subgraphs=[schema.SubGraphT(tensors, [0], [last], operators, "main")],
        buffers=buffers,
        metadata=notes,
        signatureDefs=[schema.SignatureDefT([names[0]], [names[1]], "serving_default")],
    )


def chain(*steps: tuple[str, Any], least_runtime: str = "") -> bytes:
    """The same as bytes."""
    from densepose_mobile.convert.flatbuffer import model_bytes

    return model_bytes(contents(*steps, least_runtime=least_runtime))
