import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import begin_from, load_student, save_student

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


def test_a_student_of_other_sizes_begins_from_the_same_weights(tmp_path: Path) -> None:
    """An even picture gives the same presence and box in a crop of more cells, and every other layer is the same."""
    small = Student(SPEC, head_width=8).eval()
    save_student(tmp_path / "small.safetensors", small, {})
    large = Student(replace(SPEC, detect_size=96, track_size=128, roi_size=12, map_size=24), head_width=8).eval()
    begin_from(large, tmp_path / "small.safetensors")
    with torch.no_grad():
        for narrow, wide in zip(
            small.track_head(torch.full((1, 480, 3, 3), 0.3)),
            large.track_head(torch.full((1, 480, 4, 4), 0.3)),
            strict=True,
        ):
            torch.testing.assert_close(wide, narrow, atol=1e-5, rtol=1e-5)
    ours, theirs = large.state_dict(), small.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if name != "track_head.gather.weight")


def test_first_weights_of_other_widths_are_refused(tmp_path: Path) -> None:
    save_student(tmp_path / "small.safetensors", Student(SPEC, head_width=8), {})
    with pytest.raises(InputError, match=r"\(8, 8\), the recipe's student \(8, 16\)"):
        begin_from(Student(SPEC, head_width=16), tmp_path / "small.safetensors")
