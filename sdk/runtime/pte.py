"""What an ExecuTorch program file says about where it runs, read without ExecuTorch.

A `.pte` file is a flatbuffer: tables whose fields are found through a table of offsets. The numbers of the fields are
those of ExecuTorch's `program.fbs`.
"""

import struct
from dataclasses import dataclass
from typing import Final

from densepose_mobile.errors import BundleError

__all__ = ["ProgramParts", "read_parts"]

_IDENTIFIER: Final = b"ET12"
_EXECUTION_PLAN: Final = 1  # of Program
_OPERATORS: Final = 6  # of ExecutionPlan
_DELEGATES: Final = 7
_NAME: Final = 0  # of Operator
_OVERLOAD: Final = 1
_ID: Final = 0  # of BackendDelegate


@dataclass(frozen=True)
class ProgramParts:
    """delegates: backend of each lowered part, in order. operators: those left to ExecuTorch's own kernels."""

    delegates: tuple[str, ...]
    operators: tuple[str, ...]


def read_parts(program: bytes) -> ProgramParts:
    """Read the first method of a program. Raises BundleError for bytes that are no ExecuTorch program."""
    if program[4:8] != _IDENTIFIER:
        raise BundleError(
            f"an ExecuTorch program has {_IDENTIFIER!r} at byte 4, this has {program[4:8]!r}; convert the model again"
        )
    try:
        root = _follow(program, 0)
        (plan, *_) = _tables(program, root, _EXECUTION_PLAN)
        return ProgramParts(
            tuple(_text(program, table, _ID) for table in _tables(program, plan, _DELEGATES)),
            tuple(
                ".".join(filter(None, (_text(program, table, _NAME), _text(program, table, _OVERLOAD))))
                for table in _tables(program, plan, _OPERATORS)
            ),
        )
    except (struct.error, ValueError) as error:
        raise BundleError(f"the ExecuTorch program is damaged ({error}); convert the model again") from error


def _follow(data: bytes, position: int) -> int:
    return position + int(struct.unpack_from("<I", data, position)[0])


def _field(data: bytes, table: int, number: int) -> int | None:
    """Position of a field, or None where it was left out."""
    layout = table - int(struct.unpack_from("<i", data, table)[0])
    slot = 4 + 2 * number
    if slot >= struct.unpack_from("<H", data, layout)[0]:
        return None
    offset = int(struct.unpack_from("<H", data, layout + slot)[0])
    return table + offset if offset else None


def _tables(data: bytes, table: int, number: int) -> list[int]:
    """Positions of the tables of a vector field."""
    position = _field(data, table, number)
    if position is None:
        return []
    start = _follow(data, position)
    count = int(struct.unpack_from("<I", data, start)[0])
    if count > len(data):
        raise ValueError(f"a list of {count} entries in {len(data)} bytes")
    return [_follow(data, start + 4 + 4 * index) for index in range(count)]


def _text(data: bytes, table: int, number: int) -> str:
    position = _field(data, table, number)
    if position is None:
        return ""
    start = _follow(data, position)
    length = int(struct.unpack_from("<I", data, start)[0])
    return data[start + 4 : start + 4 + length].decode()
