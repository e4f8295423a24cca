import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import densepose_mobile.train.recipes as recipes
from densepose_mobile.errors import AssetError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import read_coco
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.train.data.assets import asset_folder

FILE = Path(recipes.__file__).parent / "photos_train.json"


def test_every_annotation_can_be_used() -> None:
    file = read_coco(FILE)
    assert not file.left_out
    assert len({picture.file_name for picture in file.pictures}) == len(file.pictures) == 83
    for picture in file.pictures:
        for person in picture.people:
            assert person.mask.any(), f"annotation {person.id} of {picture.file_name} covers nothing"


def test_visible_joints_lie_on_their_person_and_people_lie_side_by_side() -> None:
    on, joints, shared, covered = 0, 0, 0, 0
    for picture in read_coco(FILE).pictures:
        count = np.zeros((picture.height, picture.width), np.uint8)
        for person in (person for person in picture.people if not person.crowd):
            mask = person.mask
            count += mask
            assert person.keypoints is not None
            x, y = np.floor(person.keypoints[person.keypoints[:, 2] == 2, :2]).astype(int).T
            on += mask[np.clip(y, 0, picture.height - 1), np.clip(x, 0, picture.width - 1)].sum()
            joints += len(x)
        shared += (count > 1).sum()
        covered += (count > 0).sum()
    assert on > 0.98 * joints
    assert shared < 0.01 * covered


def test_who_faces_the_camera_has_the_left_shoulder_on_the_right() -> None:
    left, right = KEYPOINT_NAMES.index("left_shoulder"), KEYPOINT_NAMES.index("right_shoulder")
    agree = []
    for picture in read_coco(FILE).pictures:
        for person in picture.people:
            joints = person.keypoints
            if joints is not None and (joints[[0, left, right], 2] == 2).all():
                wide = abs(joints[left, 0] - joints[right, 0]) > 0.4 * (person.box[2] - person.box[0])
                if wide:
                    agree.append(joints[left, 0] > joints[right, 0])
    assert len(agree) > 50
    assert np.mean(agree) > 0.97


def test_the_photos_are_those_of_the_asset_folder() -> None:
    try:
        folder = asset_folder(None) / "photos_train"
    except AssetError:
        pytest.skip("the asset folder is not here")
    if not folder.is_dir():
        pytest.skip("photos_train is not in the asset folder")
    for image in json.loads(FILE.read_text())["images"]:
        path = folder / image["file_name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == image["sha256"]
        assert load_image(path).shape[:2] == (image["height"], image["width"])
