from dataclasses import replace
from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.storage import save_weights
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.spec import TeacherSpec
from densepose_mobile.train.models.teacher.weights import load_teacher, save_teacher
from densepose_mobile.train.models.weights import load_student, save_student


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(tmp_path: Path, teacher: Teacher, half: bool) -> None:
    save_teacher(tmp_path / "a.safetensors", teacher, {"seed": 3}, half)
    loaded, header = load_teacher(tmp_path / "a.safetensors")
    assert header["seed"] == 3
    assert loaded.design == teacher.design
    crops = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        want, got = teacher.maps(crops), loaded.maps(crops)
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, atol=3e-2 if half else 0.0, rtol=0.0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_student_is_no_teacher_nor_the_other_way(tmp_path: Path, teacher: Teacher) -> None:
    save_student(tmp_path / "student.safetensors", Student(teacher.spec, 8), {})
    save_teacher(tmp_path / "teacher.safetensors", teacher, {})
    with pytest.raises(AssetError, match=r"student\.safetensors describes another network than .* teacher"):
        load_teacher(tmp_path / "student.safetensors")
    with pytest.raises(AssetError, match=r"teacher\.safetensors describes another network than .* student"):
        load_student(tmp_path / "teacher.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"head": "conv8"}, "tensors differ"), ({"cascade": 2}, "tensors differ"), ({"head": "mlp"}, "mlp")],
)
def test_another_design_is_named(
    tmp_path: Path, teacher: Teacher, tiny_design: TeacherSpec, change: dict[str, object], message: str
) -> None:
    fields = {**tiny_design.__dict__, **change}
    save_weights(tmp_path / "a.safetensors", teacher, {"teacher": fields})
    with pytest.raises(AssetError, match=rf"another network.*{message}"):
        load_teacher(tmp_path / "a.safetensors")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"teacher weights .* do not exist"):
        load_teacher(tmp_path / "none.safetensors")


def test_designs_with_the_same_weights_but_other_sizes_are_told_apart(tmp_path: Path, teacher: Teacher) -> None:
    other = Teacher(replace(teacher.design, crop_size=128))
    save_teacher(tmp_path / "a.safetensors", other, {})
    assert load_teacher(tmp_path / "a.safetensors")[0].spec.track_size == 128
