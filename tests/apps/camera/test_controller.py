"""The demo without Kivy: real stream, painter, feed and snapshots; only model and sources are stand-ins."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densepose_mobile.apps.camera.controller import Controller
from densepose_mobile.apps.camera.sources import Choice
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image

Eventually = Callable[..., None]
CAMERA = Choice("camera", "0")
VIDEO = Choice("video", "dance.mp4")


def test_people_show_up_with_their_figures(controller: Controller, eventually: Eventually, load: Any) -> None:
    controller.start()
    eventually(lambda: controller.state.people == 1 and controller.picture is not None and controller.picture.seen)
    state = controller.state
    assert load.loaded == [("small", "auto")]
    assert load.streams[-1] == {"model": "small", "color": "rgb", "mode": "video"}
    assert (state.model, state.backend, state.running_on, state.mode) == ("small", "auto", "litert", "video")
    assert state.parts == {2: 288, 10: 288}
    assert state.latency_ms is not None
    assert state.latency_ms > 0
    assert state.loading == ""
    assert state.notice is None
    eventually(lambda: controller.state.fps > 0)


def test_the_picture_shows_while_the_model_loads(
    controller: Controller, eventually: Eventually, load: Any, picture: np.ndarray
) -> None:
    load.gate.clear()
    controller.start()
    eventually(lambda: controller.picture is not None)
    assert controller.picture is not None
    np.testing.assert_array_equal(controller.picture.rgb, picture)
    assert not controller.picture.seen
    assert controller.state.loading == "Loading small"
    assert controller.state.running_on == ""
    load.gate.set()
    eventually(lambda: controller.picture is not None and controller.picture.seen)
    assert controller.state.loading == ""


def test_the_newest_frame_wins(controller: Controller, eventually: Eventually, load: Any) -> None:
    load.predicting.clear()
    controller.start()
    eventually(lambda: controller.state.dropped >= 3)
    load.predicting.set()
    eventually(lambda: controller.state.people == 1)


def test_model_backend_and_mode_change_live(controller: Controller, eventually: Eventually, load: Any) -> None:
    controller.start()
    eventually(lambda: controller.state.people == 1)
    load.gate.clear()
    controller.choose_model("small-fp16")
    assert controller.state.model == "small-fp16"
    assert controller.state.loading == "Loading small-fp16"
    serial = controller.picture.serial if controller.picture else 0
    eventually(lambda: controller.picture is not None and controller.picture.serial > serial + 2)  # the old one goes on
    load.gate.set()
    eventually(lambda: load.streams[-1]["model"] == "small-fp16" and not controller.state.loading)
    controller.choose_backend("onnx")
    eventually(lambda: controller.state.running_on == "onnx")
    controller.choose_mode("fast")
    eventually(lambda: load.streams[-1]["mode"] == "fast")
    assert load.loaded == [("small", "auto"), ("small-fp16", "auto"), ("small-fp16", "onnx")]
    with pytest.raises(InputError, match="slow"):
        controller.choose_mode("slow")  # type: ignore[arg-type]


def test_a_source_that_changes_while_the_stream_is_made_needs_no_second_model(
    controller: Controller, eventually: Eventually, load: Any
) -> None:
    load.streaming = lambda: len(load.streams) == 1 and controller.choose_source(Choice("people"))
    controller.start()
    eventually(lambda: controller.state.people == 1 and len(load.streams) >= 2)
    assert load.loaded == [("small", "auto")]


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda c: c.choose_backend("missing"), 'pip install "missing"'),
        (lambda c: c.choose_model("broken"), "Broken is not a bundle"),
        (lambda c: c.choose_model("crash"), "out of tensors"),
    ],
)
def test_what_cannot_be_loaded_is_told_and_the_old_model_runs_on(
    controller: Controller, eventually: Eventually, choose: Callable[[Controller], None], words: str
) -> None:
    controller.start()
    eventually(lambda: controller.state.people == 1)
    choose(controller)
    eventually(lambda: controller.state.notice is not None)
    state = controller.state
    assert state.notice is not None
    assert state.notice.error
    assert words in state.notice.text
    assert (state.model, state.backend, state.loading) == ("small", "auto", "")
    serial = controller.picture.serial if controller.picture else 0
    eventually(lambda: controller.picture is not None and controller.picture.serial > serial + 2)
    controller.dismiss()
    assert controller.state.notice is None


def test_of_hasty_wishes_the_last_is_granted(controller: Controller, eventually: Eventually, load: Any) -> None:
    load.gate.clear()
    controller.start()
    for model in ("a", "b", "c"):
        controller.choose_model(model)
    load.gate.set()
    eventually(lambda: controller.state.people == 1 and not controller.state.loading)
    assert load.streams[-1]["model"] == "c"
    assert "b" not in {model for model, _ in load.loaded}


def test_no_camera_is_told_and_another_source_helps(controller: Controller, eventually: Eventually) -> None:
    controller.start()
    eventually(lambda: controller.state.people == 1)
    controller.choose_source(CAMERA)
    eventually(lambda: controller.state.notice is not None)
    assert controller.state.notice is not None
    assert "choose another source" in controller.state.notice.text
    assert controller.picture is None
    assert controller.state.loading == ""
    assert controller.state.people == 0
    controller.choose_source(Choice("people"))
    eventually(lambda: controller.state.people == 1 and controller.picture is not None)
    assert controller.state.notice is None


def test_a_lost_camera_is_told(
    controller: Controller, eventually: Eventually, sources: dict[Choice, Any], fake_source: Any, picture: np.ndarray
) -> None:
    lost = fake_source([picture] * 3, InputError("camera 0 gives no more pictures: plug it in again"), interval_ms=0.0)
    sources[CAMERA] = lost
    controller.start()
    controller.choose_source(CAMERA)
    eventually(lambda: controller.state.notice is not None)
    assert "plug it in again" in str(controller.state.notice)
    assert lost.closed
    assert controller.picture is None
    sources[CAMERA] = fake_source([picture], interval_ms=2.0)
    controller.choose_source(CAMERA)
    eventually(lambda: controller.state.people == 1)


def test_a_frame_in_the_model_does_not_show_after_its_camera_is_lost(
    controller: Controller, eventually: Eventually, load: Any, sources: dict[Choice, Any]
) -> None:
    controller.start()
    eventually(lambda: controller.state.people == 1)
    load.predicting.clear()
    dropped, streams = controller.state.dropped, len(load.streams)
    eventually(lambda: controller.state.dropped >= dropped + 2)  # so another is being looked at
    source = sources[Choice("people")]
    source.error, source.pictures = InputError("the camera gives no more pictures: plug it in again"), []
    eventually(lambda: controller.state.notice is not None)
    load.predicting.set()
    eventually(lambda: len(load.streams) == streams + 1)  # the old one is over
    assert controller.picture is None
    assert controller.state.people == 0


def test_a_driver_that_crashes_ends_the_source_only(
    controller: Controller, eventually: Eventually, sources: dict[Choice, Any], fake_source: Any
) -> None:
    sources[VIDEO] = fake_source([], ZeroDivisionError("driver"))
    controller.start()
    controller.choose_source(VIDEO)
    eventually(lambda: controller.state.notice is not None)
    assert "ZeroDivisionError: driver" in str(controller.state.notice)
    controller.choose_source(Choice("people"))
    eventually(lambda: controller.state.people == 1)


def test_a_frame_that_fails_is_told_and_the_next_ones_go_on(
    controller: Controller, eventually: Eventually, sources: dict[Choice, Any], fake_source: Any, picture: np.ndarray
) -> None:
    bad = np.zeros((13, 20, 3), np.uint8)
    sources[VIDEO] = fake_source([bad, picture], interval_ms=50.0)
    controller.start()
    eventually(lambda: controller.state.people == 1)
    controller.choose_source(VIDEO)
    eventually(lambda: controller.state.people == 1 and not controller.state.loading)


def test_a_video_that_ends_keeps_its_last_picture(
    controller: Controller, eventually: Eventually, sources: dict[Choice, Any], fake_source: Any, picture: np.ndarray
) -> None:
    sources[VIDEO] = fake_source([picture] * 4, forever=False)
    controller.start()
    controller.choose_source(VIDEO)
    eventually(lambda: controller.state.notice is not None)
    assert "dance.mp4 is over" in str(controller.state.notice)
    assert not controller.state.notice.error
    eventually(lambda: controller.picture is not None)


@pytest.mark.parametrize("changing", [False, True])
def test_a_picture_that_came_before_its_stream_is_looked_at(
    controller: Controller,
    eventually: Eventually,
    sources: dict[Choice, Any],
    fake_source: Any,
    load: Any,
    picture: np.ndarray,
    changing: bool,
) -> None:
    if changing:
        controller.start()
        eventually(lambda: controller.state.people == 1)
    load.gate.clear()
    load.streaming = lambda: load.gate.wait(60)
    sources[VIDEO] = fake_source([picture], forever=False)
    if not changing:
        controller.start()
    controller.choose_source(VIDEO)
    eventually(lambda: controller.state.notice is not None)
    assert "dance.mp4 is over" in str(controller.state.notice)
    load.gate.set()
    eventually(lambda: controller.picture is not None and controller.picture.seen)


def test_a_cut_starts_a_new_stream(
    controller: Controller, eventually: Eventually, sources: dict[Choice, Any], load: Any
) -> None:
    source = sources[Choice("people")]
    controller.start()
    eventually(lambda: controller.state.people == 1)
    streams = len(load.streams)
    source.scene = 7
    eventually(lambda: len(load.streams) == streams + 1)
    assert controller.state.latency_ms is not None  # the figures stay
    assert load.loaded == [("small", "auto")]


def test_pausing_holds_the_sources_time(
    controller: Controller, eventually: Eventually, sources: dict[Choice, Any]
) -> None:
    source = sources[Choice("people")]
    controller.start()
    eventually(lambda: controller.state.people == 1)
    controller.pause(True)
    assert controller.state.paused
    eventually(lambda: len({len(source.times) for _ in range(3) if not _rest()}) == 1)
    stood = source.times[-1]
    for _ in range(10):
        _rest()
    controller.pause(False)
    count = len(source.times)
    eventually(lambda: len(source.times) > count)
    assert source.times == sorted(source.times)
    assert source.times[count] - stood < 400


def _rest() -> None:
    """Half a tenth of a second."""
    import time

    time.sleep(0.05)


def test_looks_change_a_held_picture(controller: Controller, eventually: Eventually, picture: np.ndarray) -> None:
    controller.start()
    eventually(lambda: controller.picture is not None and controller.picture.seen)
    controller.pause(True)
    controller.set_opacity(-3)
    assert controller.state.look.opacity == 0
    eventually(lambda: controller.picture is not None and np.array_equal(controller.picture.rgb, picture))
    controller.set_mirror(True)
    eventually(lambda: controller.picture is not None and np.array_equal(controller.picture.rgb, picture[:, ::-1]))
    controller.toggle_style("boxes")
    controller.toggle_style("parts")
    assert controller.state.look.styles == ("contour", "boxes")
    with pytest.raises(InputError, match="stripes"):
        controller.toggle_style("stripes")


def test_a_camera_is_a_mirror_at_first(
    controller: Controller, eventually: Eventually, sources: dict[Choice, Any], fake_source: Any, picture: np.ndarray
) -> None:
    sources[CAMERA] = fake_source([picture])
    controller.start()
    assert not controller.state.look.mirror
    controller.choose_source(CAMERA)
    assert controller.state.look.mirror
    controller.set_mirror(False)
    controller.choose_source(CAMERA)
    assert not controller.state.look.mirror


def test_a_snapshot_is_what_predict_writes(
    controller: Controller, eventually: Eventually, picture: np.ndarray, tmp_path: Path
) -> None:
    controller.snapshot()
    assert "nothing to save yet" in str(controller.state.notice).lower()
    controller.start()
    eventually(lambda: controller.state.people == 1)
    controller.set_mirror(True)
    for _ in range(2):
        controller.dismiss()
        controller.snapshot()
        eventually(lambda: controller.state.notice is not None)
    assert not controller.state.notice.error
    assert "shots" in controller.state.notice.text
    files = sorted((tmp_path / "shots").iterdir())
    assert len(files) == 8
    stem = min((file.name.removesuffix(".json") for file in files if file.suffix == ".json"), key=len)
    iuv = load_image(tmp_path / "shots" / f"{stem}.iuv.png")
    assert iuv[14, 10].tolist() == [2, 128, 128]
    assert iuv[14, 50].tolist() == [0, 0, 0]
    kept = load_image(tmp_path / "shots" / f"{stem}.jpg").astype(int)
    for place in ((24, 20), (24, 56)):  # not mirrored
        np.testing.assert_allclose(kept[place], picture[place], atol=12)
    assert load_image(tmp_path / "shots" / f"{stem}.overlay.jpg").shape == picture.shape
    record = json.loads((tmp_path / "shots" / f"{stem}.json").read_text())
    assert record["source"] == "Rendered people"
    assert record["people"][0]["box"] == [8, 12, 32, 36]


def test_a_snapshot_that_cannot_be_written_is_told(
    controller: Controller, eventually: Eventually, tmp_path: Path
) -> None:
    (tmp_path / "shots").write_bytes(b"a file where the folder should be")
    controller.start()
    eventually(lambda: controller.state.people == 1)
    controller.snapshot()
    eventually(lambda: controller.state.notice is not None)
    assert controller.state.notice.error
    assert "cannot write into" in controller.state.notice.text.lower()


def test_a_dropped_path_is_shown_or_its_error_told(controller: Controller, eventually: Eventually) -> None:
    controller.start()
    controller.choose_path("/nowhere/at/all.mp4")
    assert "does not exist" in str(controller.state.notice)
    assert controller.state.source == Choice("people")


def test_none_of_this_needs_kivy() -> None:
    code = (
        "import sys, densepose_mobile.apps.camera.controller, densepose_mobile.apps.camera.command, "
        "densepose_mobile.apps.camera.browsing\nassert not {'kivy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
