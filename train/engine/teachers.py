"""Networks that teach: anything that says of a crop what a student says of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from densepose_mobile.spec import MAP_OUTPUTS, ModelSpec
from densepose_mobile.train.data.dense_labels import file_hash
from densepose_mobile.train.models.storage import read_header
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.weights import load_teacher as load_rcnn
from densepose_mobile.train.models.weights import load_student

__all__ = ["DenseTeacher", "RcnnTeacher", "StudentTeacher", "TeacherLook", "load_network", "load_teacher"]


@dataclass(frozen=True, eq=False)
class TeacherLook:
    """What a teacher sees in B crops.

    maps: foreground, parts, u, v, confidence (B, 1 or 24, M, M) of the central region, as `Student.track`'s. levels:
    its feature pyramid, (B, C, S / s, S / s) at strides s = 4, 8, 16, 32. presence: (B, 1) logit, box: (B, 4) in crop
    units, or None of a teacher that was not taught them.
    """

    maps: dict[str, Tensor]
    levels: list[Tensor]
    presence: Tensor | None = None
    box: Tensor | None = None


class DenseTeacher(Protocol):
    """A frozen network. spec: sizes of its crops and maps. channels: of its pyramid. identity: for provenance."""

    spec: ModelSpec
    channels: int
    identity: dict[str, str]

    def look(self, crops: Tensor) -> TeacherLook:
        """(B, 3, S, S) RGB -1..1, S = spec.track_size -> what it sees."""
        ...

    def to(self, device: torch.device) -> None:
        """Move the weights."""
        ...


class StudentTeacher:
    """A student, most often of a larger size, that teaches."""

    def __init__(self, student: Student, identity: dict[str, str]) -> None:
        self.spec = student.spec
        self.channels = student.spec.feature_channels
        self.identity = identity
        self._student = student.requires_grad_(False).eval()

    @torch.no_grad()
    def look(self, crops: Tensor) -> TeacherLook:
        """See `DenseTeacher`."""
        levels, out = self._student.look(crops)
        return TeacherLook({name: out[name] for name in MAP_OUTPUTS}, levels, out["presence"], out["box"])

    def to(self, device: torch.device) -> None:
        """See `DenseTeacher`."""
        self._student.to(device)


class RcnnTeacher:
    """A full teacher. Presence and boxes of crops are not what it was trained for."""

    def __init__(self, network: Teacher, identity: dict[str, str]) -> None:
        self.spec = network.spec
        self.channels = network.design.fpn_channels
        self.identity = identity
        self._network = network.requires_grad_(False).eval()

    @torch.no_grad()
    def look(self, crops: Tensor) -> TeacherLook:
        """See `DenseTeacher`."""
        levels, maps = self._network.look(crops)
        return TeacherLook(maps, levels)

    def to(self, device: torch.device) -> None:
        """See `DenseTeacher`."""
        self._network.to(device)


def load_network(path: Path) -> Student | Teacher:
    """The student or teacher of a .safetensors file, in evaluation mode.

    Raises AssetError for a file that is missing or neither.
    """
    if "teacher" in read_header(path, "teacher"):
        return load_rcnn(path)[0]
    return load_student(path)[0]


def load_teacher(path: Path) -> DenseTeacher:
    """The teacher, or the student that teaches, of a .safetensors file. Raises AssetError as `load_network`."""
    network = load_network(path)
    identity = {"file": path.name, "sha256": file_hash(path)}
    return RcnnTeacher(network, identity) if isinstance(network, Teacher) else StudentTeacher(network, identity)
