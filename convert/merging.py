"""Several LiteRT graphs in one file, each under a signature of its own, with the weights that they share stored once.

`detect` and `track` have the same backbone, `dense` and `track` the same head. Their weights are the same bytes in any
precision: int8 has its scales from the weights alone. Biases of int8 layers differ, since their scale is that of the
layer's input too, and so of what a graph was calibrated on.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import model_bytes

__all__ = ["merge_graphs"]

_LEAST_RUNTIME: Final = b"min_runtime_version"  # what else converters note is for themselves


def merge_graphs(graphs: Mapping[str, bytes]) -> bytes:
    """One model that holds every graph as a subgraph, in the order given, with a signature that has the graph's name.

    graphs: `.tflite` models of one subgraph and one signature each; the signature's inputs and outputs keep their
    names. Constants of the same bytes become one buffer. Equal graphs give equal bytes.

    Raises:
        ConversionError: no graphs, or one that is more than a subgraph and a signature.
    """
    if not graphs:
        raise ConversionError("no graphs to merge: give one at least")
    whole = _Whole()
    for name, model in graphs.items():
        whole.add(name, flatbuffer_utils.read_model_from_bytearray(bytearray(model)))
    return model_bytes(whole.model())


class _Whole:
    """The model that grows: constants and kinds of operators by content, with the numbers that they have in it."""

    def __init__(self) -> None:
        self._subgraphs: list[Any] = []
        self._signatures: list[Any] = []
        self._operators: dict[tuple[Any, ...], int] = {}
        self._constants: dict[bytes, int] = {b"": 0}  # buffer 0 is the empty one, of all that is no constant
        self._schema = 0
        self._runtime = b""

    def add(self, name: str, model: Any) -> None:
        """Take a `ModelT` apart."""
        subgraphs, signatures = model.subgraphs or [], model.signatureDefs or []
        if (len(subgraphs), len(signatures)) != (1, 1):
            raise ConversionError(
                f"graph {name!r} has {len(subgraphs)} subgraphs and {len(signatures)} signatures where one of each can "
                "be merged: rewrite what branches or loops in the network"
            )
        (subgraph,), (signature,) = subgraphs, signatures
        operators = [self._operator(code) for code in model.operatorCodes]
        constants = [b"" if buffer.data is None else bytes(buffer.data) for buffer in model.buffers]
        for operator in subgraph.operators:
            operator.opcodeIndex = operators[operator.opcodeIndex]
        for tensor in subgraph.tensors:
            tensor.buffer = self._constants.setdefault(constants[tensor.buffer], len(self._constants))
        subgraph.name = signature.signatureKey = name
        signature.subgraphIndex = len(self._subgraphs)
        self._subgraphs.append(subgraph)
        self._signatures.append(signature)
        self._schema = max(self._schema, model.version)
        needs = [constants[note.buffer] for note in model.metadata or [] if note.name == _LEAST_RUNTIME]
        self._runtime = max([self._runtime, *needs], key=_version)

    def _operator(self, code: Any) -> int:
        kind = (code.deprecatedBuiltinCode, code.customCode, code.version, code.builtinCode)
        return self._operators.setdefault(kind, len(self._operators))

    def model(self) -> Any:
        """All of it as a `ModelT`."""
        notes = []
        if self._runtime:
            notes = [schema.MetadataT(_LEAST_RUNTIME, self._constants.setdefault(self._runtime, len(self._constants)))]
        constants = [np.frombuffer(content, np.uint8) if content else None for content in self._constants]
        return schema.ModelT(
            version=self._schema,
            operatorCodes=[schema.OperatorCodeT(*kind) for kind in self._operators],
            subgraphs=self._subgraphs,
            buffers=[schema.BufferT(data) for data in constants],
            metadata=notes,
            signatureDefs=self._signatures,
        )


def _version(text: bytes) -> tuple[int, ...]:
    """(2, 17, 0) of "2.17.0", which converters fill up with zero bytes."""
    return tuple(int(number) for number in text.rstrip(b"\0").split(b".") if number.isdigit())
