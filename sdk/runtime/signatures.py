"""The graphs of a `.tflite` file: where each lies, and the file with one of them alone.

The few bytes that this takes are read by hand, so that nothing but NumPy is needed beside tflite-runtime. Layout:
flatbuffers.dev, internals; fields: `Model` and `SignatureDef` of TensorFlow Lite's schema.fbs.
"""

import struct
from dataclasses import dataclass
from typing import Final

from densepose_mobile.errors import BundleError

__all__ = ["alone", "subgraph_of"]

_IDENTIFIER: Final = b"TFL3"
_SUBGRAPHS: Final = 2  # fields of Model
_SIGNATURES: Final = 7
_KEY: Final = 2  # fields of SignatureDef
_SUBGRAPH: Final = 4


def subgraph_of(model: bytes, signature: str) -> int:
    """Number of the subgraph that a signature runs.

    Raises BundleError for a signature that is not there, and for bytes that are no `.tflite` model.
    """
    return _find(_File(model), signature).subgraph


def alone(model: bytes, signature: str) -> bytes:
    """A copy in which one signature and its subgraph are the only ones; weights stay, wanted or not.

    Runtimes tell of a file's first subgraph more than of the others. Raises BundleError as `subgraph_of` does.
    """
    file = _File(model)
    found = _find(file, signature)
    subgraphs = file.vector(file.root, _SUBGRAPHS)
    if found.subgraph >= file.number("<I", subgraphs):
        raise BundleError(
            f"signature {signature!r} runs subgraph {found.subgraph} of a model that has "
            f"{file.number('<I', subgraphs)}; convert the model again"
        )
    copy = bytearray(model)
    for vector, number in ((subgraphs, found.subgraph), (found.vector, found.number)):
        target = file.follow(_slot(vector, number))
        file.number("<i", target)  # a table begins so
        struct.pack_into("<II", copy, vector, 1, target - _slot(vector, 0))
    if found.field is not None:  # left out, the number reads 0 as it is
        struct.pack_into("<I", copy, found.field, 0)
    return bytes(copy)


@dataclass(frozen=True)
class _Signature:
    vector: int  # where the model's signatures begin
    number: int  # which of them it is
    field: int | None  # where its subgraph's number stands
    subgraph: int


def _find(file: "_File", name: str) -> _Signature:
    vector = file.vector(file.root, _SIGNATURES)
    names = []
    for number in range(file.number("<I", vector)):
        table = file.follow(_slot(vector, number))
        key = file.vector(table, _KEY)
        names.append(file.text(key))
        if names[-1] == name:
            field = file.field(table, _SUBGRAPH)
            return _Signature(vector, number, field, 0 if field is None else file.number("<I", field))
    raise BundleError(f"the model has no signature {name!r}; it has {', '.join(names) or 'none'}: convert it again")


def _slot(vector: int, number: int) -> int:
    """Where the offset of an element stands, after the count of 4 bytes."""
    return vector + 4 * (1 + number)


class _File:
    """Numbers and offsets of a flatbuffer, none of which leads out of it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        if data[4:8] != _IDENTIFIER:
            raise BundleError(f"these {len(data)} bytes are no .tflite model; convert the model again")
        self.root = self.follow(0)

    def number(self, kind: str, position: int) -> int:
        """One number, as `struct` reads it."""
        if not 0 <= position <= len(self._data) - struct.calcsize(kind):
            raise BundleError(
                f"the model is damaged: it points to byte {position} of {len(self._data)}; convert it again"
            )
        return int(struct.unpack_from(kind, self._data, position)[0])

    def follow(self, position: int) -> int:
        """What an offset points to."""
        return position + self.number("<I", position)

    def field(self, table: int, number: int) -> int | None:
        """Where a field of a table stands; None for one that is left out."""
        layout = table - self.number("<i", table)
        entry = 4 + 2 * number
        offset = self.number("<H", layout + entry) if entry < self.number("<H", layout) else 0
        return table + offset if offset else None

    def vector(self, table: int, number: int) -> int:
        """Where a vector or text that is a table's field begins: with its length."""
        field = self.field(table, number)
        if field is None:
            raise BundleError(f"the model is damaged: it lacks field {number} of a table; convert it again")
        return self.follow(field)

    def text(self, vector: int) -> str:
        """A text of the model, with marks for what is none."""
        length = self.number("<I", vector)
        if length:
            self.number("<B", vector + 3 + length)
        return self._data[vector + 4 : vector + 4 + length].decode("utf-8", "replace")
