from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import AssetError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student, save_student

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8, roi_batches=(1, 2))


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(tmp_path: Path, half: bool) -> None:
    student = Student(SPEC, head_width=8).eval()
    save_student(tmp_path / "a.safetensors", student, {"seed": 3, "recipe": {"name": "x"}}, half)
    loaded, header = load_student(tmp_path / "a.safetensors")
    assert header["seed"] == 3
    assert loaded.spec == SPEC
    image = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        want, got = student.track(image), loaded.track(image)
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, atol=1e-2 if half else 0.0, rtol=0.0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_not_a_student_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="do not exist"):
        load_student(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(AssetError, match=r"text\.safetensors"):
        load_student(tmp_path / "text.safetensors")
