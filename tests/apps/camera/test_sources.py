from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from densepose_mobile.apps.camera.sources import Choice, choice_for, open_source, webcam
from densepose_mobile.apps.camera.sources.people import RenderedPeople
from densepose_mobile.apps.camera.sources.pictures import Pictures
from densepose_mobile.apps.camera.sources.video import Video
from densepose_mobile.errors import InputError

Save = Callable[[Path, np.ndarray], Path]
Film = Callable[..., Path]


def shade(rgb: np.ndarray | None) -> int:
    assert rgb is not None
    return round((float(rgb[36, 48].mean()) - 20) / 10)


def test_a_video_shows_the_frame_that_is_due(film: Film) -> None:
    video = Video(film())
    assert video.interval_ms == pytest.approx(50)
    assert [shade(video.picture(t)) for t in (0, 10, 50, 130, 149, 150)] == [0, 0, 1, 2, 2, 3]
    video.close()


def test_a_late_video_skips_and_a_looping_one_starts_again(film: Film) -> None:
    video = Video(film())
    assert [shade(video.picture(t)) for t in (0, 400)] == [0, 8]
    assert video.scene == 0
    assert shade(video.picture(600)) == 0
    assert video.scene == 1
    assert [shade(video.picture(t)) for t in (650, 700, 1300)] == [1, 2, 0]


def test_a_video_that_does_not_loop_ends(film: Film) -> None:
    video = Video(film(), loop=False)
    assert shade(video.picture(500)) == 10
    assert video.picture(600) is None


def test_a_video_is_rgb_and_right_side_up(film: Film) -> None:
    rgb = Video(film()).picture(0)
    assert rgb is not None
    np.testing.assert_allclose(rgb[8, 8], (220, 0, 0), atol=25)
    assert rgb[40, 8].max() < 60
    assert rgb[8, 56].max() < 60


@pytest.mark.parametrize("content", [None, b"", b"no film at all"])
def test_a_broken_video_is_named_with_the_mend(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.mp4.*(convert|check)"):
        Video(path).picture(0)


def test_pictures_take_turns(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "in" / "b.png", np.full((20, 30, 3), (0, 0, 200), np.uint8))
    save(tmp_path / "in" / "a.png", np.full((20, 30, 3), (200, 0, 0), np.uint8))
    save(tmp_path / "in" / "a.iuv.png", np.zeros((20, 30, 3), np.uint8))
    source = Pictures(tmp_path / "in", dwell_ms=100)
    seen = [(source.picture(t)[0, 0].tolist(), source.scene) for t in (0, 99, 100, 250)]
    assert seen == [([200, 0, 0], 0), ([200, 0, 0], 0), ([0, 0, 200], 1), ([200, 0, 0], 2)]


def test_a_single_picture_and_a_large_one(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path / "wide.png", np.zeros((100, 4000, 3), np.uint8))
    assert Pictures(path).picture(0).shape == (40, 1600, 3)


def test_broken_pictures_are_passed_over_until_none_is_left(tmp_path: Path, save: Save) -> None:
    (tmp_path / "a.jpg").write_bytes(b"dear diary")
    save(tmp_path / "b.png", np.full((20, 30, 3), 9, np.uint8))
    assert Pictures(tmp_path).picture(0)[0, 0, 0] == 9
    (tmp_path / "b.png").write_bytes(b"too")
    with pytest.raises(InputError, match="not a picture"):
        Pictures(tmp_path).picture(0)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="holds no picture"):
        Pictures(tmp_path / "nothing")


def test_rendered_people_move_smoothly_over_and_over() -> None:
    source = RenderedPeople()
    first, later = source.picture(0), source.picture(1000)
    assert first.shape == later.shape == (480, 480, 3)
    step = np.abs(source.picture(1050).astype(int) - later).mean()
    assert 0 < step < np.abs(later.astype(int) - first).mean()
    assert first[20, 240, 2] > first[20, 240, 0]  # the sky is blue
    assert first[470, 240, 1] > first[470, 240, 2]  # the grass is green
    assert source.scene == 0
    np.testing.assert_array_equal(source.picture(6500), first)
    assert source.scene == 1
    source.close()


class Capture:
    """Stands for a camera: some empty reads, then frames of pure blue in OpenCV's order, then nothing."""

    def __init__(self, number: int, empty: int = 3, frames: int = 2) -> None:
        self.opened = number == 0
        self.released = False
        self._left = [None] * empty + [np.tile(np.array([255, 0, 0], np.uint8), (4, 6, 1))] * frames

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def set(self, *_: object) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        frame = self._left.pop(0) if self._left else None
        return frame is not None, frame

    def release(self) -> None:
        self.released = True


def test_a_camera_is_rgb_and_a_lost_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(webcam.time, "sleep", lambda _: None)
    camera = open_source(Choice("camera"))
    assert camera.interval_ms == 0
    assert camera.picture(0)[0, 0].tolist() == [0, 0, 255]
    camera.picture(0)
    with pytest.raises(InputError, match="plug it in again"):
        camera.picture(0)


def test_a_missing_camera_is_told_with_the_mend() -> None:
    with pytest.raises(InputError, match=r"camera 93 does not open: plug one in.*choose another"):
        open_source(Choice("camera", "93"))


def test_a_camera_opens_with_an_opencv_that_cannot_be_quietened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.delattr(cv2.utils, "logging")
    assert open_source(Choice("camera")).picture(0) is not None


def test_words_mean_sources(tmp_path: Path, save: Save, film: Film) -> None:
    assert choice_for("people") == choice_for("") == Choice("people")
    assert choice_for("camera") == choice_for("0") == Choice("camera", "0")
    assert choice_for("2") == Choice("camera", "2")
    picture, movie = save(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8)), film()
    assert choice_for(str(picture)) == Choice("pictures", str(picture))
    assert choice_for(str(tmp_path)) == Choice("pictures", str(tmp_path))
    assert choice_for(str(movie)) == Choice("video", str(movie))
    for word in ("x" * 300, "~nobody-of-this-name/a.jpg"):
        with pytest.raises(InputError, match="choose another"):
            choice_for(word)
    (tmp_path / "notes.txt").write_bytes(b"")
    for word in ("notes.txt", "missing.mp4"):
        with pytest.raises(InputError, match=word):
            choice_for(str(tmp_path / word))
