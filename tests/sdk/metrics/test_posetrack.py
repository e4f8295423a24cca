import json
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import TruthPicture, read_coco, score_picture
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.metrics.posetrack import outside_ignored
from densepose_mobile.results import DensePoseResult, Person

POSETRACK_JOINTS = ["nose", "head_bottom", "head_top", *KEYPOINT_NAMES[3:]]


def write(folder: Path, **changes: object) -> Path:
    image = {"id": 7, "width": 100, "height": 80, "file_name": "000001.jpg", "is_labeled": True, "vid_id": 42,
             "frame_id": 3, "nframes": 30, "ignore_regions_x": [[0, 50, 50, 0], [1, 2]],
             "ignore_regions_y": [[0, 0, 40, 40], [1, 2]], **changes}  # fmt: skip
    joints = np.zeros((17, 3))
    joints[:, 2] = 1
    joints[[0, 1, 5], :] = (10, 12, 2), (10, 20, 2), (30, 22, 2)
    person = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [60, 10, 30, 60], "track_id": 5, "iscrowd": 0,
              "segmentation": [[60, 10, 90, 10, 90, 70, 60, 70]], "keypoints": joints.reshape(-1).tolist()}  # fmt: skip
    category = {"id": 1, "name": "person", "keypoints": POSETRACK_JOINTS}
    file = folder / "posetrack.json"
    file.write_text(json.dumps({"images": [image], "annotations": [person], "categories": [category]}))
    return file


def people(*boxes: tuple[int, int, int, int]) -> DensePoseResult:
    found = []
    for x0, y0, x1, y1 in boxes:
        shape = y1 - y0, x1 - x0
        box = np.array([x0, y0, x1, y1], np.float32)
        found.append(Person(box, 0.9, np.ones(shape, np.uint8), np.zeros((2, *shape), np.float32), np.ones(shape)))
    return DensePoseResult(tuple(found), 80, 100)


def test_frames_tracks_and_regions_are_read(tmp_path: Path) -> None:
    picture = read_coco(write(tmp_path)).pictures[0]
    assert (picture.video, picture.frame, picture.people[0].track) == (42, 3, 5)
    assert picture.ignored == ((0, 0, 50, 0, 50, 40, 0, 40),)  # a region of two corners covers nothing
    assert picture.ignored_mask.sum() == 50 * 40
    assert picture.ignored_mask[39, 49]


def test_joints_are_read_by_the_names_of_the_file(tmp_path: Path) -> None:
    joints = read_coco(write(tmp_path)).pictures[0].people[0].keypoints
    assert joints is not None
    assert joints[0].tolist() == [10.5, 12.5, 2]
    assert (joints[[1, 2], 2] == 0).all()  # eyes: the file has none, and head_bottom is not an eye
    assert joints[KEYPOINT_NAMES.index("left_shoulder")].tolist() == [30.5, 22.5, 2]


@pytest.mark.parametrize("says", [{"is_labeled": False}, {"has_no_densepose": True}])
def test_frames_without_annotations_are_left_out(tmp_path: Path, says: dict[str, bool]) -> None:
    assert read_coco(write(tmp_path, **says)).pictures == ()
    assert len(read_coco(write(tmp_path, has_no_densepose=False)).pictures) == 1


def test_regions_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"posetrack\.json: picture 7 .*ignore regions"):
        read_coco(write(tmp_path, ignore_regions_y=[[0, 0]]))


def test_who_lies_in_an_ignored_region_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    picture = read_coco(write(tmp_path)).pictures[0]
    result = people((0, 0, 40, 40), (45, 0, 65, 40), (60, 10, 90, 70))
    assert [person.box[0] for person in outside_ignored(result, picture)] == [45, 60]
    assert score_picture(result, picture, None).sums["false_positives"] == (1, 1)
    in_box = TruthPicture(1, "a.jpg", 80, 100, (), ((0, 0, 15, 0, 15, 40, 0, 40),))
    assert len(outside_ignored(people((0, 0, 20, 40)), in_box)) == 0  # .75 of the box
    assert len(outside_ignored(people((0, 0, 30, 40)), in_box)) == 1
    small = people((0, 0, 30, 40))
    small.people[0].part[:, 15:] = 0  # all of the body, half of the box
    assert len(outside_ignored(small, in_box)) == 0
