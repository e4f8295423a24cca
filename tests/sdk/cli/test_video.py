import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from densepose_mobile.cli.main import main
from densepose_mobile.cli.video import _frames


def video(path: Path, frames: int, fps: float = 12.0, size: tuple[int, int] = (64, 48)) -> Path:
    codec = {".mp4": "mp4v", ".avi": "MJPG"}[path.suffix]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
    assert writer.isOpened()
    for index in range(frames):
        frame = np.full((size[1], size[0], 3), 40, np.uint8)
        frame[10:40, 4 + 4 * index : 24 + 4 * index] = 255
        writer.write(frame)
    writer.release()
    return path


def test_a_mode_predicts_frames_by_themselves(tmp_path: Path, model: object) -> None:
    film = video(tmp_path / "film.mp4", 3)
    assert main(["predict", str(film), "-o", str(tmp_path), "--mode", "fast", "--draw", "boxes"]) == 0
    frames = json.loads((tmp_path / "film.json").read_text())["frames"]
    assert [len(frame["people"]) for frame in frames] == [1, 1, 1]
    assert not any("track" in frame["people"][0] for frame in frames)
    assert [call["mode"] for call in model.calls] == ["fast"] * 3


def test_a_video_gives_a_video(tmp_path: Path, model: object, capfd: pytest.CaptureFixture[str]) -> None:
    film = video(tmp_path / "film.mp4", 6)
    out = tmp_path / "out"
    assert main(["predict", str(film), "-o", str(out), "--json"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["film.json", "film.overlay.mp4"]
    record = json.loads((out / "film.json").read_text())
    assert record["fps"] == 12
    assert [round(frame["t_ms"]) for frame in record["frames"]] == [0, 83, 167, 250, 333, 417]
    lefts = [frame["people"][0]["box"][0] for frame in record["frames"]]
    assert lefts == sorted(lefts)
    assert lefts[-1] - lefts[0] == pytest.approx(20, abs=4)
    assert {frame["people"][0]["track"] for frame in record["frames"]} == {7}
    assert len(capfd.readouterr().out.splitlines()) == 6
    capture = cv2.VideoCapture(str(out / "film.overlay.mp4"))
    shapes = []
    while True:
        more, frame = capture.read()
        if not more:
            break
        shapes.append(frame.shape)
    assert shapes == [(48, 64, 3)] * 6


@pytest.mark.parametrize("frames", [1, 2, 3, 13])
def test_every_frame_of_a_short_video_arrives(tmp_path: Path, model: object, frames: int) -> None:
    film = video(tmp_path / "film.mp4", frames)
    assert main(["predict", str(film), "-o", str(tmp_path / "out")]) == 0
    capture = cv2.VideoCapture(str(tmp_path / "out" / "film.overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == frames


def test_a_disk_that_fills_up_under_a_video_leaves_the_earlier_one(
    tmp_path: Path, model: object, capfd: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    film, out = tmp_path / "film.avi", tmp_path / "out"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 12.0, (320, 240))
    rng = np.random.default_rng(0)
    for _ in range(12):
        writer.write(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8))
    writer.release()
    out.mkdir()
    earlier = {out / "film.overlay.mp4": b"earlier", out / "film.json": b"{}"}
    for path, data in earlier.items():
        path.write_bytes(data)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # no file of this process grows beyond it
    try:
        code = main(["predict", str(film), "-o", str(out)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 1
    assert "of 12 frames arrived on the disk; free some room" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in out.iterdir()} == earlier


@pytest.mark.parametrize("fps", [0.5, 23.976, 90.001, 119.923, 654.321, 719.5])
def test_whatever_rate_a_video_has_the_overlay_has(tmp_path: Path, model: object, fps: float) -> None:
    film = video(tmp_path / "film.avi", 3, fps)
    assert main(["predict", str(film), "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "film.json").read_text())
    assert record["fps"] == pytest.approx(fps, rel=1e-4)
    times = [frame["t_ms"] for frame in record["frames"]]
    np.testing.assert_allclose(times, [0, 1000 / fps, 2000 / fps], atol=0.01)
    capture = cv2.VideoCapture(str(tmp_path / "out" / "film.overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=1e-3)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3


@pytest.mark.parametrize(
    ("told", "times"),
    [
        ([0.0, 33.0, 67.0, 167.0], [0, 33, 67, 167]),  # the rate varies
        ([0.0, 0.0, 0.0, 0.0], [0, 100, 200, 300]),  # the file has no times
        ([40.0, 140.0, 90.0, 340.0], [40, 140, 240, 340]),  # one goes back
        ([-20.0, 80.0, 180.0, 280.0], [0, 80, 180, 280]),
    ],
)
def test_frames_have_the_times_of_the_file_where_these_grow(told: list[float], times: list[float]) -> None:
    class Capture:
        def __init__(self) -> None:
            self.shown = -1

        def read(self) -> tuple[bool, np.ndarray]:
            self.shown += 1
            return self.shown < len(told), np.zeros((2, 2, 3), np.uint8)

        def get(self, name: int) -> float:
            assert name == cv2.CAP_PROP_POS_MSEC
            return told[self.shown]

    assert [t_ms for _, t_ms in _frames(Capture(), 10.0)] == pytest.approx(times)


def test_a_legend_stands_beside_a_video_too(tmp_path: Path, model: object) -> None:
    film = video(tmp_path / "film.mp4", 2)
    assert main(["predict", str(film), "-o", str(tmp_path), "--legend"]) == 0
    capture = cv2.VideoCapture(str(tmp_path / "film.overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) > 64


def test_a_video_that_breaks_off_is_told(tmp_path: Path, model: object, capfd: pytest.CaptureFixture[str]) -> None:
    data = video(tmp_path / "film.avi", 12).read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: (data.index(b"movi") + len(data)) // 2])
    assert main(["predict", str(cut), str(tmp_path / "film.avi"), "-o", str(tmp_path / "out")]) == 0
    said = capfd.readouterr().err
    assert "frames of 12 that the file announces" in said
    assert "12 frames, at most 1 person" in said


def test_a_name_with_a_colon_is_no_protocol(tmp_path: Path, model: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    video(tmp_path / "film.avi", 2).rename(tmp_path / "10:30:15.avi")
    assert main(["predict", "10:30:15.avi", "-o", "."]) == 0
    assert (tmp_path / "10:30:15.overlay.mp4").stat().st_size > 100


def test_a_name_that_is_no_text_is_refused_and_the_others_go_on(
    tmp_path: Path, model: object, capfd: pytest.CaptureFixture[str]
) -> None:
    film = video(tmp_path / "film.mp4", 2)
    odd = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    odd.write_bytes(film.read_bytes())
    assert main(["predict", str(odd), str(film), "-o", str(tmp_path / "out")]) == 1
    assert "not in UTF-8" in capfd.readouterr().err
    assert (tmp_path / "out" / "film.overlay.mp4").exists()
