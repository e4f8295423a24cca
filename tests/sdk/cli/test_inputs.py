from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.cli.inputs import _stems, expand
from densepose_mobile.errors import InputError


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return [folder / name for name in names]


def test_a_folder_stands_for_its_pictures_and_videos(tmp_path: Path) -> None:
    touch(
        tmp_path, "b.JPG", "a.png", "c.mp4", "notes.txt", ".hidden.jpg", "a.iuv.png", "a.overlay.jpg", "c.overlay.mp4"
    )
    touch(tmp_path / "deeper", "d.jpg")
    jobs = expand([tmp_path])
    assert [job.path.name for job in jobs] == ["a.png", "b.JPG", "c.mp4"]
    assert [job.is_video for job in jobs] == [False, False, True]


def test_a_file_named_twice_is_done_once(tmp_path: Path) -> None:
    (picture,) = touch(tmp_path, "a.jpg")
    jobs = expand([picture, tmp_path, tmp_path / ".." / tmp_path.name / "a.jpg"])
    assert [job.path for job in jobs] == [picture]


def test_a_named_file_is_tried_whatever_its_suffix(tmp_path: Path) -> None:
    paths = touch(tmp_path, "a.txt", "a.iuv.png")
    assert [job.path for job in expand([*paths, tmp_path / "missing.jpg"])] == [*paths, tmp_path / "missing.jpg"]


def test_an_empty_folder_is_an_error_of_its_own(tmp_path: Path) -> None:
    (picture,) = touch(tmp_path, "a.jpg")
    touch(tmp_path / "empty", "notes.txt")
    empty, good = expand([tmp_path / "empty", picture])
    assert good.error is None
    with pytest.raises(InputError, match="empty holds no picture or video"):
        raise empty.error or AssertionError


def test_a_path_that_cannot_be_looked_at_is_an_error_of_its_own(tmp_path: Path) -> None:
    (picture,) = touch(tmp_path, "a.jpg")
    long, good = expand([tmp_path / ("x" * 300 + ".jpg"), picture])
    assert good.error is None
    with pytest.raises(InputError, match=r"cannot be looked at \(File name too long\)"):
        raise long.error or AssertionError


def test_same_stems_stay_apart(tmp_path: Path) -> None:
    paths = touch(tmp_path / "x", "a.jpg", "a.png", "a-2.jpg") + touch(tmp_path / "y", "A.jpg")
    assert [job.stem for job in expand(paths)] == ["a", "a-3", "a-2", "A-4"]


@given(st.lists(st.sampled_from(["a", "A", "a-2", "A-2", "a-3", "b", "a-2-2"]), max_size=12))
def test_stems_are_always_distinct(stems: list[str]) -> None:
    named = _stems(stems)
    assert len({name.casefold() for name in named}) == len(stems)
    for name, stem in zip(named, stems, strict=True):
        assert name.startswith(stem)
    for stem in {stem.casefold() for stem in stems}:
        assert any(name.casefold() == stem for name in named)
