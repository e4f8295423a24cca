import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors, header: tensors.pop("track_head.box.bias"), r"track_head\.box\.bias is missing"),
        (lambda tensors, header: tensors.update(more=torch.zeros(2)), r"more is \(2,\) instead of absent"),
        (lambda tensors, header: header.update(head_width=16), "tensors differ"),
        (lambda tensors, header: header["spec"].update(depth=3), "'depth'"),
        (lambda tensors, header: header.pop("spec"), "'spec'"),
        (lambda tensors, header: header["spec"].update(feature_stride=8), "stride 4"),
    ],
    ids=["missing", "surplus", "other shapes", "unknown key", "no spec", "other strides"],
)
def test_another_network_is_named(tmp_path: Path, change: Callable[[Any, Any], object], message: str) -> None:
    save_student(tmp_path / "a.safetensors", Student(SPEC, head_width=8), {})
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        header = json.loads(file.metadata()["densepose_mobile"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors, header)
    save_file(tensors, tmp_path / "a.safetensors", {"densepose_mobile": json.dumps(header)})
    with pytest.raises(AssetError, match=rf"a\.safetensors .*another network.*{message}"):
        load_student(tmp_path / "a.safetensors")
