import hashlib
import json
from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import InputError
from densepose_mobile.options import Options
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.shards import ShardFolder, ShardManifest
from densepose_mobile.train.engine.release import describe_renders, keep_pretrained, place_least_score, release
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student, save_student

from ..models.movenet_file import random_weights

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8)


def test_released_weights_are_half_as_large_and_say_what_made_them(tmp_path: Path) -> None:
    folder = ShardFolder(tmp_path / "data" / "s5", ShardManifest("abc", "train", 5, 320, 4))
    for first in (0, 4):
        folder.write(first, first + 4, [])
    student = Student(SPEC, head_width=8)
    header = {"recipe": {"name": "tiny"}, "seed": 1, "step": 7, "data": {"pictures": 30}, "metrics": {"iou": 0.5}}
    save_student(tmp_path / "run.safetensors", student, header)
    save_student(tmp_path / "init.safetensors", student, {"step": 3, "recovered_from": "f00"})
    out = tmp_path / "small.safetensors"
    box = {"bbox": [0, 0, 9, 9], "segmentation": [[0, 0, 9, 0, 9, 9]], "category_id": 1}
    people = [{"id": n, "image_id": 1, "iscrowd": int(n == 2), **box} for n in range(3)]
    photos = tmp_path / "photos.json"
    image = {"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}
    photos.write_text(json.dumps({"images": [image], "annotations": people}))
    release(tmp_path / "run.safetensors", out, tmp_path / "data", tmp_path / "init.safetensors", photos)
    again, told = load_student(out)
    assert told["data"] == {
        "pictures": 30,
        "renders": [{"seed": 5, "split": "train", "size": 320, "surfaces": "abc", "pictures": 8}],
        "photos": {
            "annotations": "photos.json",
            "sha256": hashlib.sha256(photos.read_bytes()).hexdigest(),
            "pictures": 1,
            "people": 2,
        },
    }
    assert told["init"] == {"step": 3, "recovered_from": "f00"}
    assert (told["step"], told["metrics"]) == (7, {"iou": 0.5})
    json.dumps(told)
    assert out.stat().st_size < 0.6 * (tmp_path / "run.safetensors").stat().st_size
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, student.state_dict()[name].half().float())


def test_a_folder_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rendered shards"):
        describe_renders(tmp_path)


def test_the_pretrained_detector_has_its_share_in_the_average(tmp_path: Path) -> None:
    path = tmp_path / "movenet_multipose.npz"
    random_weights(path, 1.5)
    begun, student = Student(SPEC, head_width=8), Student(SPEC, head_width=8)
    begun.load_pretrained(path)
    ours = [value.clone() for value in student.detector.parameters()]
    pyramid = [value.clone() for value in student.pyramid.parameters()]
    keep_pretrained(student, path, 0.25)
    for value, mine, theirs in zip(student.detector.parameters(), ours, begun.detector.parameters(), strict=True):
        torch.testing.assert_close(value, 0.75 * mine + 0.25 * theirs)
    for value, before in zip(student.pyramid.parameters(), pyramid, strict=True):
        assert torch.equal(value, before)
    with pytest.raises(InputError, match="from 0 to 1"):
        keep_pretrained(student, path, 1.5)


def test_the_chosen_score_becomes_the_default_least_score() -> None:
    student = Student(SPEC, head_width=8).eval()
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before = student.detect(picture)["scores"].flatten()
        place_least_score(student, before[7].sigmoid().item())
        after = student.detect(picture)["scores"].flatten()
    assert after[7].sigmoid().item() == pytest.approx(Options().score, abs=1e-5)
    torch.testing.assert_close(after - before, (after - before)[7].expand(len(after)))
    with pytest.raises(InputError, match="between 0 and 1"):
        place_least_score(student, 0.0)
