import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rendered import make_renderer, write_assets

from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.train.data.rendering import render_shards
from densepose_mobile.train.data.shards import ShardFolder, ShardManifest
from densepose_mobile.train.data.sheet import census, contact_sheet, ingredients, sheet_text, turned
from densepose_mobile.train.data.targets import Labeller


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assets = write_assets(tmp_path / "assets")
    shards = ShardFolder(tmp_path / "shards", ShardManifest("abc", "train", 3, 64, 4))
    render_shards(lambda: make_renderer(assets), shards, 4)
    return shards.folder


def test_everything_is_counted_once(folder: Path, plain_labels: Labeller) -> None:
    found = census(folder, plain_labels, 3)
    assert found.pictures == 3
    assert sum(found.tables["People in a picture"].values()) == 3
    people = sum(int(count) * times for count, times in found.tables["People in a picture"].items())
    for table in ("Body", "Pose", "The chest is turned", "Keypoints in view"):
        assert sum(found.tables[table].values()) == people > 0
    assert found.pixels[0] == 0
    assert found.pixels.sum() > 0
    text = sheet_text(folder, found, replace(found, used={}), [("hdri", "CC0-1.0", 7)], "sheet.jpg")
    assert "3 pictures of 64 px, split train, seed 3" in text
    assert "| hdri | CC0-1.0 | 7 |" in text
    assert "| motion clips | 1 | 0 | 0 |" in text
    assert contact_sheet(folder, 3, 2).shape[1] == 3 * contact_sheet(folder, 1, 1).shape[1]


def test_a_folder_without_pictures_is_named(tmp_path: Path, plain_labels: Labeller) -> None:
    with pytest.raises(InputError, match="no "):
        census(tmp_path, plain_labels, 3)


def test_the_chest_is_turned_as_the_shoulders_say() -> None:
    table = np.zeros((17, 3), np.float32)

    def places(left: float, right: float) -> np.ndarray:
        for name, place in (("left_shoulder", (left, 10)), ("right_shoulder", (right, 10)), ("left_hip", (50, 60)),
                            ("right_hip", (50, 60))):  # fmt: skip
            table[KEYPOINT_NAMES.index(name), :2] = place
        return table

    assert turned(places(70, 30)) == "to us"
    assert turned(places(30, 70)) == "away"
    assert turned(places(52, 48)) == "sideways"


def test_licences_come_from_the_manifest(tmp_path: Path) -> None:
    entry = {"path": "hdri/a.hdr", "licence": "CC0-1.0", "use": "train"}
    other = [{**entry, "path": "hdri/b.hdr"}, {**entry, "path": "coco/c.jpg", "use": "eval-only"},
             {**entry, "path": "hdri/LICENSE", "licence": "licence text"}]  # fmt: skip
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"files": [entry, *other]}))
    assert ingredients(tmp_path) == [("hdri", "CC0-1.0", 2)]
    (tmp_path / "MANIFEST.json").write_text("{}")
    with pytest.raises(AssetError, match=r"MANIFEST\.json"):
        ingredients(tmp_path)
