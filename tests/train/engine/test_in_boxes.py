import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from densepose_mobile.atlas import Atlas
from densepose_mobile.errors import AssetError
from densepose_mobile.metrics import PictureScore, TruthPicture
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine import in_boxes
from densepose_mobile.train.engine.given_boxes import CropNetwork
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.weights import save_teacher
from densepose_mobile.train.models.weights import save_student

from ..conftest import TINY_TEACHER


def test_students_and_teachers_stand_in_one_table(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard(tmp_path / "a.tar", range(2))
    truth = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels)
    images = truth.parent / "images"
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=8), head_width=8)
    save_student(tmp_path / "student.safetensors", student, {"step": 0})
    save_teacher(tmp_path / "teacher.safetensors", Teacher(TINY_TEACHER), {"step": 0})

    def judge(
        network: CropNetwork, pictures: Sequence[TruthPicture], folder: Path, atlas: Atlas, finds: bool
    ) -> list[PictureScore]:
        assert folder == images
        assert not finds
        maps = network.track(torch.zeros(1, 3, 96, 96))
        assert maps["parts"].shape[1] == 24
        sums = {"recall": (1.0, 1.0), "mask_iou": ({Student: 0.2, Teacher: 0.6}[type(network)], 1.0)}
        return [PictureScore(picture.file_name, sums) for picture in pictures]

    monkeypatch.setattr(in_boxes, "judge", judge)
    in_boxes.main(
        network=[f"{name}={tmp_path / name}.safetensors" for name in ("student", "teacher")],
        photos=truth,
        photo_images=images,
        synthetic=truth,
        synthetic_images=images,
        out=tmp_path / "table.json",
        subset=None,
        limit=1,
    )
    content = json.loads((tmp_path / "table.json").read_text())
    assert set(content["networks"]) == {"student", "teacher"}
    assert [content[kind]["pictures"] for kind in ("photos", "synthetic")] == [2, 1]
    for kind in ("photos", "synthetic"):
        rows = content[kind]["measures"]
        assert rows["student"]["mask_iou"]["value"] == 0.2
        assert rows["teacher"]["mask_iou"]["more"]["value"] == pytest.approx(0.4)


def test_weights_that_are_missing_are_named_before_anything_is_measured(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    shard(tmp_path / "a.tar", range(1))
    truth = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels)
    here = {"photos": truth, "synthetic": truth, "out": tmp_path / "table.json"}
    here |= dict.fromkeys(("photo_images", "synthetic_images"), truth.parent / "images")
    with pytest.raises(AssetError, match=r"none\.safetensors do not exist"):
        in_boxes.main(network=[f"a={tmp_path / 'none.safetensors'}"], subset=None, limit=1, **here)
    assert not (tmp_path / "table.json").exists()
