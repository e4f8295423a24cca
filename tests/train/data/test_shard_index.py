import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.records import iter_pictures
from densepose_mobile.train.data.samples import Scene
from densepose_mobile.train.data.shard_index import index_shard
from densepose_mobile.train.data.targets import Labeller, label_picture


@pytest.fixture
def folder(tmp_path: Path, shard: Callable[..., None]) -> Path:
    shard(tmp_path / "a.tar", range(5))
    return tmp_path


def test_any_picture_is_read_on_its_own(folder: Path, plain_labels: Labeller) -> None:
    pictures = list(iter_pictures(folder))
    stored = index_shard(folder, "a.tar")
    file = os.open(folder / "a.tar", os.O_RDONLY)
    for place in (3, 0, 4):
        read = stored[place].read(file)
        np.testing.assert_array_equal(read.image, pictures[place].image)
        np.testing.assert_array_equal(read.face, pictures[place].face)
        assert len(read.people) == len(pictures[place].people)
    os.close(file)


def test_people_who_can_be_cropped_are_known_without_decoding(folder: Path, plain_labels: Labeller) -> None:
    for stored, picture in zip(index_shard(folder, "a.tar"), iter_pictures(folder), strict=True):
        scene = Scene.from_picture(picture, label_picture(picture, plain_labels))
        in_front = 1  # nobody hides the second person
        assert (in_front in stored.people) == (in_front in scene.people())
        if in_front in stored.people:
            size = stored.sizes[stored.people.index(in_front)]
            assert size == pytest.approx(float((scene.boxes[in_front, 2:] - scene.boxes[in_front, :2]).max()), abs=0.01)


@pytest.mark.parametrize("kept", [0, 700, 3000])
def test_cut_off_shard_is_named(folder: Path, kept: int) -> None:
    whole = (folder / "a.tar").read_bytes()
    (folder / "a.tar").write_bytes(whole[:kept])
    with pytest.raises(InputError, match=r"a\.tar"):
        index_shard(folder, "a.tar")


def test_shard_that_shrank_is_named(folder: Path) -> None:
    stored = index_shard(folder, "a.tar")
    (folder / "a.tar").write_bytes((folder / "a.tar").read_bytes()[:2000])
    file = os.open(folder / "a.tar", os.O_RDONLY)
    with pytest.raises(InputError, match="shorter"):
        stored[4].read(file)
    os.close(file)
