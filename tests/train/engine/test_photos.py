from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.engine.photos import RealPhotos
from densepose_mobile.train.models.student import Student


@pytest.fixture(autouse=True)
def _people_photos(assets: Path) -> None:
    if not (assets / "coco_mini").is_dir():
        pytest.skip(f"{assets / 'coco_mini'} is missing")


def test_photos_are_measured_and_painted(assets: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=8), head_width=8).eval()
    figures = RealPhotos(assets, tmp_path, None, pictures=2, shown=4)(student, 7).figures
    assert figures["recall"] == 0.0
    sheet = cv2.imread(str(tmp_path / "pictures" / "step_0000007.png"))
    assert sheet.shape[1] == 1280
    assert np.ptp(sheet) > 100


def test_given_boxes_find_everybody(assets: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=8), head_width=8).eval()
    with torch.no_grad():
        student.dense_head.outputs["foreground"].bias.fill_(3.0)
    figures = RealPhotos(assets, tmp_path, None, pictures=2, shown=4, given_boxes=True)(student, 7).figures
    assert figures["recall"] == 1.0
    assert (tmp_path / "pictures" / "step_0000007.png").is_file()


def test_only_photos_of_the_train_split_are_used(assets: Path, tmp_path: Path) -> None:
    photos = RealPhotos(assets, tmp_path, None, pictures=1000, shown=0)
    assert len(photos._truth) == 29
