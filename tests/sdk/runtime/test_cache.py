"""Unpacking models once."""

import io
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from densepose_mobile.errors import BundleError, OutputError
from densepose_mobile.runtime.cache import CACHE_VARIABLE, cache_folder, unpacked

FILES = {"a.mlpackage/Manifest.json": b"{}", "a.mlpackage/Data/weights/weight.bin": bytes(range(256)) * 50}


def pack(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return target.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_archive_is_unpacked_once(cache: Path) -> None:
    first = unpacked(pack(FILES), "graph 'a'")
    written = (first / "a.mlpackage/Manifest.json").stat().st_mtime_ns
    assert contents(first) == FILES
    assert unpacked(pack(FILES), "graph 'a'") == first
    assert (first / "a.mlpackage/Manifest.json").stat().st_mtime_ns == written
    assert unpacked(pack({"b": b"1"}), "graph 'b'") != first
    assert len(list(cache.iterdir())) == 2  # nothing half-written stays behind


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_damaged_files_are_replaced(cache: Path, damage: str) -> None:
    folder = unpacked(pack(FILES), "graph 'a'")
    victim = folder / "a.mlpackage/Data/weights/weight.bin"
    if damage == "changed":
        victim.write_bytes(b"other")
    else:
        victim.unlink()
    assert contents(unpacked(pack(FILES), "graph 'a'")) == FILES
    assert list(cache.iterdir()) == [folder]


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("_", range(5))
def test_several_at_once_agree(cache: Path, damaged: bool, _: int) -> None:
    archive = pack(FILES)
    if damaged:
        (unpacked(archive, "graph 'a'") / "a.mlpackage/Manifest.json").unlink()
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: unpacked(archive, "graph 'a'"), range(16)))
    (folder,) = folders
    assert contents(folder) == FILES
    assert list(cache.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "c:\\outside"])
def test_archives_that_leave_their_folder_are_refused(cache: Path, name: str) -> None:
    with pytest.raises(BundleError, match="leaves its folder"):
        unpacked(pack({name: b"1"}), "graph 'a'")
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_names_the_variable(cache: Path) -> None:
    cache.write_bytes(b"a file, not a folder")
    with pytest.raises(OutputError, match=CACHE_VARIABLE):
        unpacked(pack(FILES), "graph 'a'")


def test_the_place_follows_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == tmp_path / "xdg/densepose-mobile"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache/densepose-mobile"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library/Caches/densepose-mobile"
