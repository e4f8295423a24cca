"""Teacher weights as safetensors, with the teacher's design in the header."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from densepose_mobile.train.models.storage import load_weights, save_weights, with_tuples
from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.spec import TeacherSpec

__all__ = ["load_teacher", "save_teacher"]


def save_teacher(path: Path, teacher: Teacher, header: dict[str, Any], half: bool = False) -> None:
    """Write the weights; `half` stores float16. The header gains `teacher`, the design."""
    save_weights(path, teacher, {"teacher": asdict(teacher.design), **header}, half)


def load_teacher(path: Path) -> tuple[Teacher, dict[str, Any]]:
    """The teacher in evaluation mode, float32, and the header it was saved with.

    Raises:
        AssetError: no such file, not a teacher, or weights of another network.
    """
    return load_weights(path, "teacher", lambda header: Teacher(TeacherSpec(**with_tuples(header["teacher"]))))
