import functools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rendered import make_renderer, write_assets

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.inspect import write_sheets
from densepose_mobile.train.data.records import iter_pictures
from densepose_mobile.train.data.rendering import render_shards
from densepose_mobile.train.data.shards import ShardFolder, ShardManifest

_MANIFEST = ShardManifest("abc", "train", 3, 32, 4)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> "functools.partial[object]":
    return functools.partial(make_renderer, write_assets(tmp_path_factory.mktemp("assets")), size=32)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


def test_workers_do_not_change_the_pictures(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one, two = ShardFolder(tmp_path / "one", _MANIFEST), ShardFolder(tmp_path / "two", _MANIFEST)
    counted: list[int] = []
    assert render_shards(make, one, 10, 1, counted.append) == 10
    assert sum(counted) == 10
    assert render_shards(make, two, 10, 2) == 10
    assert _bytes(one.folder) == _bytes(two.folder)
    assert sorted(_bytes(one.folder)) == [f"pictures-{a:08d}-{b:08d}.tar" for a, b in ((0, 4), (4, 8), (8, 10))]
    assert [p.meta["index"] for p in iter_pictures(one.folder)] == list(range(10))


def test_resume_renders_only_what_is_missing(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = ShardFolder(tmp_path, _MANIFEST)
    render_shards(make, folder, 6)
    first = _bytes(tmp_path)
    (tmp_path / "pictures-00000000-00000004.tar").unlink()
    assert render_shards(make, ShardFolder(tmp_path, _MANIFEST), 6) == 4
    assert _bytes(tmp_path) == first
    assert render_shards(make, folder, 6) == 0
    assert render_shards(make, folder, 9) == 5  # the short shard 4..6 gives way to 4..8
    assert sorted(_bytes(tmp_path)) == [f"pictures-{a:08d}-{b:08d}.tar" for a, b in ((0, 4), (4, 8), (8, 9))]


def test_other_settings_need_another_folder(tmp_path: Path) -> None:
    ShardFolder(tmp_path, _MANIFEST)
    with pytest.raises(InputError, match="seed 3 there, 5 asked"):
        ShardFolder(tmp_path, ShardManifest("abc", "train", 5, 32, 4))


def test_contact_sheets(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = ShardFolder(tmp_path / "shards", _MANIFEST)
    render_shards(make, folder, 5)
    (path,) = write_sheets(folder.folder, tmp_path / "sheets", 5)
    assert path.stat().st_size > 1000
    with pytest.raises(InputError, match="no shards"):
        write_sheets(tmp_path / "sheets", tmp_path / "other", 5)


def test_pictures_decode_to_what_was_rendered(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = ShardFolder(tmp_path, _MANIFEST)
    render_shards(make, folder, 4)
    renderer = make()
    for picture in iter_pictures(tmp_path):
        fresh = renderer.picture(picture.meta["index"])
        np.testing.assert_array_equal(picture.face, fresh.face)
        np.testing.assert_array_equal(picture.instance, fresh.instance)
        assert np.abs(picture.image.astype(int) - fresh.image).mean() < 10  # the background is noise, hard on JPEG
