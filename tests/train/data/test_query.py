import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from densepose_mobile.atlas import Atlas
from densepose_mobile.draw import PALETTE
from densepose_mobile.errors import InputError
from densepose_mobile.metrics import SurfacePoints, TruthPerson, TruthPicture
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.train.data.command import app
from densepose_mobile.train.data.query import Selector, describe, drawn, parse_selector, select, subset_of

SIZE = 100


def person(id: int, side: int, parts: list[int], crowd: bool = False) -> TruthPerson:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[10 : 10 + side, 20 : 20 + side] = True
    xy = np.column_stack([np.linspace(25, 15 + side, len(parts)), np.full(len(parts), 20)]).astype(np.float32)
    points = SurfacePoints(xy, np.array(parts, np.uint8), np.full((2, len(parts)), 0.5, np.float32))
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[:id] = (30, 30, 2)
    return TruthPerson.from_mask(id, mask, points=points if parts else None, keypoints=keypoints, crowd=crowd)


PICTURES = (
    TruthPicture(1, "a.jpg", SIZE, SIZE, (person(1, 40, [3, 3, 7]), person(2, 60, []))),
    TruthPicture(2, "b.jpg", SIZE, SIZE, (person(3, 80, [7, 8], crowd=True),)),
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([], [1, 2, 3]),
        (["id=2"], [2]),
        (["image=1"], [1, 2]),
        (["area=3600:"], [2, 3]),
        (["area=1600:3600"], [1, 2]),
        (["width=:59.9"], [1]),
        (["points=1:"], [1, 3]),
        (["parts=2", "crowd=0"], [1]),
        (["part=8"], [3]),
        (["part=4:7"], [1, 3]),
        (["keypoints=3"], [3]),
        (["people=2", "points=0"], [2]),
    ],
)
def test_selectors_choose(where: list[str], expected: list[int]) -> None:
    assert [p.id for _, p in select(PICTURES, [parse_selector(text) for text in where])] == expected


@given(st.sampled_from(["id", "area", "part"]), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_ranges_are_read_as_written(field: str, low: float, span: float) -> None:
    assert parse_selector(f"{field}={low}:{low + span}") == Selector(field, low, low + span)
    assert parse_selector(f"{field}={low}:") == Selector(field, low, math.inf)


@pytest.mark.parametrize("text", ["colour=3", "id", "id=", "id=a", "id=5:2", "id=nan", "=3", "id=1:2:3"])
def test_what_chooses_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=text.split("=")[0] or "field"):
        parse_selector(text)


def test_description_counts_points_by_part() -> None:
    content = json.loads(json.dumps(describe(PICTURES[0], PICTURES[0].people[0])))
    assert content["points_by_part"] == {"right hand": 2, "right thigh back": 1}
    assert (content["box"], content["mask_pixels"], content["keypoints"]) == ([20, 10, 60, 50], 1600, 1)


def test_points_are_drawn_where_they_lie_in_their_part_s_colour() -> None:
    someone = person(1, 60, [3, 7, 24])
    rgb = np.full((SIZE, SIZE, 3), 200, np.uint8)
    sheet = drawn(rgb, someone, Atlas.load())
    assert sheet.shape[0] == 2 * 480  # on the picture, and on the body
    assert someone.points is not None
    side = 60 * 1.3  # px of the picture that a panel shows, about the box's middle at (50, 40)
    for (x, y), part in zip(someone.points.xy, someone.points.part, strict=True):
        column, row = (round((value - middle + side / 2) * 480 / side) for value, middle in ((x, 50), (y, 40)))
        np.testing.assert_array_equal(sheet[row, 480 + column], PALETTE[part])
    assert drawn(rgb, person(2, 60, []), Atlas.load()).shape == (480, 480, 3)


def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    content: dict[str, list[object]] = {"images": [], "annotations": []}
    for picture in PICTURES:
        cv2.imwrite(str(tmp_path / picture.file_name), np.zeros((SIZE, SIZE, 3), np.uint8))
        content["images"].append({"id": picture.id, "file_name": picture.file_name, "height": SIZE, "width": SIZE})
        for p in picture.people:
            x0, y0, x1, y1 = p.box.tolist()
            entry = {"id": p.id, "image_id": picture.id, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            content["annotations"].append({**entry, "segmentation": encode_rle(p.mask)})
    path = tmp_path / "people.json"
    path.write_text(json.dumps(content))
    options = ["query", str(path), "--where", "area=3600:", "--images", str(tmp_path), "--out", str(tmp_path / "out")]
    options += ["--save", str(tmp_path / "large.json")]
    result = CliRunner().invoke(app, options, catch_exceptions=False)
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [2, 3]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a-2.jpg", "b-3.jpg"]
    assert [entry["id"] for entry in json.loads((tmp_path / "large.json").read_bytes())["annotations"]] == [2, 3]
    assert CliRunner().invoke(app, ["query", str(path), "--out", "x"]).exit_code == 2


def test_what_is_chosen_can_be_saved() -> None:
    content = {
        "info": {"description": "people"},
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
        "annotations": [{"id": 1, "image_id": 1}, {"id": 2, "image_id": 1, "iscrowd": 1}, {"id": 3, "image_id": 2}],
    }
    chosen = subset_of(content, {2})
    assert chosen == {**content, "images": content["images"][:1], "annotations": content["annotations"][1:2]}
    assert subset_of(content, {1, 2, 3}) == content
