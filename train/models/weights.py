"""Student weights: saved and loaded, and handed on to students of other sizes."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.storage import load_weights, save_weights, with_tuples
from densepose_mobile.train.models.student import Student

__all__ = ["begin_from", "load_student", "save_student"]


def save_student(path: Path, student: Student, header: dict[str, Any], half: bool = False) -> None:
    """Write the weights; `half` stores float16 (the released form).

    The header gains `spec` and `head_width`; callers add recipe, seed, data and metrics. It must be JSON-serialisable.
    """
    save_weights(path, student, {"spec": asdict(student.spec), "head_width": student.head_width, **header}, half)


def load_student(path: Path) -> tuple[Student, dict[str, Any]]:
    """The student in evaluation mode, float32, and the header it was saved with.

    Raises:
        AssetError: no such file, not a student, or weights of another network.
    """
    return load_weights(
        path, "student", lambda header: Student(ModelSpec(**with_tuples(header["spec"])), header["head_width"])
    )


def begin_from(student: Student, path: Path) -> None:
    """Let a student start from the weights of another one, whose pictures, crops and maps may be of other sizes.

    The one layer whose kernel spans the whole crop is spread over the other number of cells, its sum kept.

    Raises AssetError as `load_student`, InputError for a student of other widths.
    """
    other, _ = load_student(path)
    gather, wanted = other.track_head.gather, student.track_head.gather
    state = dict(other.state_dict())
    spread = _overlap(gather.kernel_size[0], wanted.kernel_size[0])
    state["track_head.gather.weight"] = spread @ gather.weight.detach() @ spread.T
    here = (student.spec.feature_channels, student.head_width)
    there = (other.spec.feature_channels, other.head_width)
    if here != there:
        raise InputError(
            f"{path} has feature_channels, head_width {there}, the recipe's student {here}; make them agree, or begin "
            "without --init"
        )
    student.load_state_dict(state)


def _overlap(old: int, new: int) -> Tensor:
    """(new, old) share of each of `old` equal cells that lies in each of `new` equal ones over the same length."""
    low = torch.maximum(torch.arange(old) / old, (torch.arange(new) / new)[:, None])
    high = torch.minimum(torch.arange(1, old + 1) / old, (torch.arange(1, new + 1) / new)[:, None])
    return (high - low).clamp(min=0) * old
