from pathlib import Path

import cv2
import numpy as np
import pytest

from densepose_mobile.cli.outputs import encode_picture, partial_file, prepare_folder, write_atomically, write_together
from densepose_mobile.errors import InputError, OutputError


def test_folders_are_made(tmp_path: Path) -> None:
    assert prepare_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"file.*--out"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="file"):
        prepare_folder(tmp_path / "file" / "below")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        prepare_folder(tmp_path)


def test_nothing_half_written_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.json"
    target.write_bytes(b"before")
    whole = Path.write_bytes

    def fill_the_disk(path: Path, data: bytes) -> None:
        whole(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OutputError, match="No space left"):
        write_atomically(target, b"afterwards")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert target.read_bytes() == b"before"


def test_files_that_belong_together_come_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {tmp_path / name: b"before" for name in ("a.iuv.png", "a.overlay.jpg", "a.json")}
    for path, data in files.items():
        path.write_bytes(data)
    whole = Path.write_bytes
    room = [2]

    def nearly_full(path: Path, data: bytes) -> int:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", nearly_full)
    with pytest.raises(OutputError, match=r"a\.json \(No space left"):
        write_together(dict.fromkeys(files, b"afterwards"))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_interruption_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"

    def interrupted() -> None:
        with partial_file(target) as partial:
            assert partial.suffix == ".mp4"
            partial.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_pictures_round_trip(tmp_path: Path) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    path = write_atomically(tmp_path / "a.iuv.png", encode_picture(tmp_path / "a.iuv.png", rgb))
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], rgb)


@pytest.mark.parametrize("name", ["a.PNG", "a.jpeg"])
def test_suffixes_are_known_however_they_are_written(tmp_path: Path, name: str) -> None:
    rgb = np.full((8, 8, 3), (200, 40, 40), np.uint8)
    path = write_atomically(tmp_path / name, encode_picture(tmp_path / name, rgb))
    np.testing.assert_allclose(cv2.imread(str(path))[4, 4, ::-1], (200, 40, 40), atol=4)


@pytest.mark.parametrize("name", ["a.bmp", "a"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"none of \.jpg"):
        encode_picture(tmp_path / name, np.zeros((8, 8, 3), np.uint8))


def test_a_name_that_just_fits_is_written(tmp_path: Path) -> None:
    name = "x" * 250 + ".json"
    write_atomically(tmp_path / name, b"{}")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_is_too_long_concerns_its_input_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rename the input"):
        write_together({tmp_path / "short.json": b"{}", tmp_path / ("x" * 260 + ".jpg"): b""})
    assert list(tmp_path.iterdir()) == []


def test_pictures_too_large_for_the_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="70000 x 1 px"):
        encode_picture(tmp_path / "a.jpg", np.zeros((1, 70000, 3), np.uint8))
