from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densepose_mobile.errors import AssetError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.assets import asset_folder
from densepose_mobile.train.engine.photos import RealPhotos
from densepose_mobile.train.models.student import Student


@pytest.fixture(scope="module")
def assets() -> Path:
    try:
        folder = asset_folder()
    except AssetError as error:
        pytest.skip(str(error))
    if not (folder / "coco_mini").is_dir():
        pytest.skip(f"{folder / 'coco_mini'} is missing")
    return folder


def test_photos_are_measured_and_painted(assets: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=8), head_width=8)
    figures = RealPhotos(assets, tmp_path, None, pictures=2, shown=4)(student, 7)
    assert figures["recall"] == 0.0
    sheet = cv2.imread(str(tmp_path / "pictures" / "step_0000007.png"))
    assert sheet.shape[1] == 1280
    assert np.ptp(sheet) > 100


def test_only_photos_of_the_train_split_are_used(assets: Path, tmp_path: Path) -> None:
    photos = RealPhotos(assets, tmp_path, None, pictures=1000, shown=0)
    assert len(photos._truth) == 29
