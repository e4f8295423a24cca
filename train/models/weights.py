"""Student weights as safetensors: tensors plus one JSON header that says what they are and where they come from."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.student import Student

__all__ = ["begin_from", "load_student", "save_student"]

_KEY = "densepose_mobile"


def save_student(path: Path, student: Student, header: dict[str, Any], half: bool = False) -> None:
    """Write the weights; `half` stores float16 (the released form).

    The header gains `spec` and `head_width`; callers add recipe, seed, data and metrics. It must be JSON-serialisable.
    """
    full = {"spec": asdict(student.spec), "head_width": student.head_width, **header}
    kind = torch.float16 if half else torch.float32
    tensors = {name: value.detach().to(kind).contiguous().cpu() for name, value in student.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata={_KEY: json.dumps(full)})
    partial.chmod(0o644)  # safetensors writes for the owner alone
    partial.replace(path)


def load_student(path: Path) -> tuple[Student, dict[str, Any]]:
    """The student in evaluation mode, float32, and the header it was saved with.

    Raises:
        AssetError: no such file, not a student, or weights of another network.
    """
    if not path.is_file():
        raise AssetError(f"student weights {path} do not exist; train them, or give the path of a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise AssetError(f"{path} has no densepose_mobile header: it is not a student")
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise AssetError(f"{path} is not a safetensors file: {error}") from error
    try:
        header: dict[str, Any] = json.loads(text)
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in header["spec"].items()
        }
        student = Student(ModelSpec(**fields), header["head_width"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AssetError(
            f"{path} describes another network than this version's student: {error!r}; "
            "use the version of densepose-mobile that it was trained with"
        ) from error
    _check_tensors(path, student, tensors)
    student.load_state_dict(tensors)
    return student.eval(), header


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


def _check_tensors(path: Path, student: Student, tensors: Mapping[str, Tensor]) -> None:
    expected = {name: tuple(value.shape) for name, value in student.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = [
        f"{name} is {found.get(name, 'missing')} instead of {expected.get(name, 'absent')}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    if wrong:
        raise AssetError(
            f"{path} holds weights of another network: {len(wrong)} of {len(expected)} tensors differ, such as "
            f"{wrong[0]}; use the version of densepose-mobile that it was trained with"
        )
