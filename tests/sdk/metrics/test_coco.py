import json
import re

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import missing_pictures, read_coco
from densepose_mobile.metrics.segmentation import encode_rle


def content():
    square = [10, 20, 30, 20, 30, 60, 10, 60]
    crowd = np.zeros((80, 100), bool)
    crowd[:10, :50] = True
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "height": 80, "width": 100, "split": "val"},
            {"id": 8, "file_name": "b.jpg", "height": 80, "width": 100, "split": "train"},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "bicycle"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 1,
                "bbox": [10, 20, 20, 40],
                "iscrowd": 0,
                "segmentation": [square],
                "keypoints": [12, 22, 2, *[0] * 45, 14, 30, 1],
            },
            {
                "id": 2,
                "image_id": 7,
                "category_id": 1,
                "bbox": [0, 0, 50, 10],
                "iscrowd": 1,
                "segmentation": encode_rle(crowd, compressed=False),
            },
            {"id": 3, "image_id": 8, "category_id": 2, "bbox": [0, 0, 5, 5], "segmentation": [square]},
        ],
    }


def write(tmp_path, data, name="annotations.json"):
    path = tmp_path / name
    path.write_text(json.dumps(data))
    return path


def test_boxes_masks_keypoints_and_crowds(tmp_path):
    first, second = read_coco(write(tmp_path, content())).pictures
    assert (first.id, first.file_name, first.height, first.width) == (7, "a.jpg", 80, 100)
    person, crowd = first.people
    assert person.box.tolist() == [10, 20, 30, 60]
    assert person.mask.sum() == 20 * 40
    assert person.mask[20:60, 10:30].all()
    assert person.keypoints[0].tolist() == [12.5, 22.5, 2]  # pixel indices become pixel centres
    assert person.keypoints[16].tolist() == [14.5, 30.5, 1]
    assert crowd.crowd
    assert not person.crowd
    assert crowd.mask.sum() == 500
    assert crowd.keypoints is None
    assert second.people == ()  # a bicycle is nobody


def test_what_a_file_tells_of_its_people_is_read_and_broken_traits_are_named(tmp_path):
    data = content()
    data["annotations"][0]["person"] = {"kind": "anny", "full_box": [10, 20, 20, 100], "height_m": 1.4}
    person = read_coco(write(tmp_path, data)).pictures[0].people[0]
    assert person.traits.full_box == (10, 20, 30, 120)
    assert (person.traits.kind, person.traits.height_m, person.traits.age) == ("anny", 1.4, None)
    data["annotations"][0]["person"]["height_m"] = [1.4]
    file = read_coco(write(tmp_path, data))
    assert file.pictures[0].people[0].traits.kind is None
    assert "height_m = [1.4]" in file.left_out[0].reason


@pytest.mark.parametrize("name", ["val", "val2017"])
def test_subset_by_split(tmp_path, name):
    assert [picture.id for picture in read_coco(write(tmp_path, content()), subset=name).pictures] == [7]


def test_subset_by_address(tmp_path):
    data = content()
    for image, split in zip(data["images"], ("train2017", "val2017"), strict=True):
        del image["split"]
        image["coco_url"] = f"https://example.org/{split}/x.jpg"
    path = write(tmp_path, data)
    assert [picture.id for picture in read_coco(path, subset="val2017").pictures] == [8]
    del data["images"][0]["coco_url"]
    with pytest.raises(InputError, match="picture 7"):
        read_coco(write(tmp_path, data), subset="val2017")


def test_keypoints_of_a_second_file_are_joined_by_annotation(tmp_path):
    data = content()
    joints = {"images": data["images"], "annotations": [data["annotations"][0]]}
    path = write(tmp_path, joints, "keypoints.json")
    plain = content()
    del plain["annotations"][0]["keypoints"]
    assert read_coco(write(tmp_path, plain)).pictures[0].people[0].keypoints is None
    assert read_coco(write(tmp_path, plain), path).pictures[0].people[0].keypoints[0, 2] == 2


def test_surface_points_and_their_masks(tmp_path):
    data = content()
    half = np.zeros((256, 256), bool)
    half[:128] = True
    data["annotations"][0] |= {
        "dp_x": [0, 128.0, 255],
        "dp_y": [0, 64.0, 255],
        "dp_I": [1, 2.0, 24],
        "dp_U": [0, 0.5, 1],
        "dp_V": [0.1, 0.2, 0.3],
        "dp_masks": [[], encode_rle(half), *[[]] * 12],
    }
    person = read_coco(write(tmp_path, data)).pictures[0].people[0]
    assert person.points.xy[1].tolist() == [20, 30]
    assert person.points.part.tolist() == [1, 2, 24]
    assert person.points.uv[:, 1].tolist() == pytest.approx([0.5, 0.2])
    expected = np.zeros((80, 100), bool)
    expected[20:40, 10:30] = True
    np.testing.assert_array_equal(person.dense_mask, expected)


POINTS = {"dp_x": [1, 2], "dp_y": [1, 2], "dp_I": [1, 2], "dp_U": [0, 1], "dp_V": [0, 1]}
OTHER_SIZE = encode_rle(np.zeros((20, 30), bool))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"bbox": [1, 2, -3, 4]}, "bbox"),
        ({"bbox": [1, 2, float("nan"), 4]}, "bbox"),
        ({"segmentation": None}, "segmentation"),
        ({"segmentation": [[1, 2, 3]]}, "polygon"),
        ({"segmentation": OTHER_SIZE}, r"\[20, 30\]"),
        ({"segmentation": {"size": [80, 100], "counts": [3]}}, "add up to 3"),
    ],
)
def test_people_without_a_usable_box_or_mask_are_left_out(tmp_path, change, match):
    data = content()
    data["annotations"][0] |= change
    file = read_coco(write(tmp_path, data))
    (left,) = file.left_out
    assert (left.annotation, left.picture) == (1, "a.jpg")
    assert re.search(rf"annotation 1 of picture a\.jpg.*{match}", str(left))
    assert [person.id for person in file.pictures[0].people] == [2]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"keypoints": [1, 2, 3]}, "51"),
        ({"keypoints": [1, 2, 5] * 17}, "visibilities"),
        ({"keypoints": [1, 2, None] * 17}, "visibilities"),
        ({**POINTS, "dp_y": [1]}, "lengths"),
        ({"dp_x": [1]}, "dp_y"),
        ({**POINTS, "dp_masks": [OTHER_SIZE]}, "dp_masks.*256"),
    ],
)
def test_people_with_broken_details_are_kept_without_them(tmp_path, change, match):
    data = content()
    data["annotations"][0] |= change
    file = read_coco(write(tmp_path, data))
    (left,) = file.left_out
    assert re.search(rf"annotation 1 of picture a\.jpg.*{match}", str(left))
    person = file.pictures[0].people[0]
    assert person.keypoints is None or person.points is None or person.coarse_masks is None
    assert person.mask.sum() == 20 * 40


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dp_I": [0, 2]}, "dp_I 0, not 1..24"),
        ({"dp_I": [25, 2]}, "dp_I 25"),
        ({"dp_I": [1.5, 2]}, "dp_I 1.5"),
        ({"dp_U": [float("nan"), 1]}, "dp_U nan"),
        ({"dp_V": [-0.1, 1]}, "dp_V -0.1"),
        ({"dp_x": [257, 2]}, "dp_x 257, not 0..256"),
        ({"dp_y": [-1, 2]}, "dp_y -1"),
    ],
)
def test_broken_points_are_left_out_alone(tmp_path, change, match):
    data = content()
    data["annotations"][0] |= {**POINTS, **change}
    file = read_coco(write(tmp_path, data))
    (left,) = file.left_out
    assert "1 of 2 points have " + match in left.reason
    points = file.pictures[0].people[0].points
    assert points.part.tolist() == [2]
    assert points.uv[:, 0].tolist() == [1, 1]


def test_broken_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json"):
        read_coco(tmp_path / "nothing.json")
    text = tmp_path / "text.json"
    text.write_text("people")
    with pytest.raises(InputError, match="no JSON"):
        read_coco(text)
    with pytest.raises(InputError, match="images"):
        read_coco(write(tmp_path, [1]))
    data = content()
    data["annotations"][0]["image_id"] = 99
    with pytest.raises(InputError, match="99"):
        read_coco(write(tmp_path, data))
    data = content()
    del data["images"][0]["height"]
    with pytest.raises(InputError, match="picture 7"):
        read_coco(write(tmp_path, data))
    data = content()
    data["annotations"][0]["id"] = "0b9f-4c"
    with pytest.raises(InputError, match="'0b9f-4c'; number them"):
        read_coco(write(tmp_path, data))
    data = content()
    data["categories"] = ["person"]
    with pytest.raises(InputError, match="`categories` is no list of mappings"):
        read_coco(write(tmp_path, data))


def test_a_truncated_file_is_named(tmp_path):
    path = write(tmp_path, content())
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match=r"annotations\.json is no JSON file"):
        read_coco(path)


def test_missing_pictures_are_listed(tmp_path):
    pictures = read_coco(write(tmp_path, content())).pictures
    (tmp_path / "a.jpg").touch()
    assert missing_pictures(pictures, tmp_path) == ["b.jpg"]
