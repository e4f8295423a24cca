import os
import subprocess
import sys
from pathlib import Path

import pytest

from densepose_mobile.apps.camera.browsing import entries
from densepose_mobile.apps.camera.display import require_display
from densepose_mobile.apps.camera.meter import Meter
from densepose_mobile.cli import main as command_line
from densepose_mobile.errors import DisplayUnavailable
from densepose_mobile.imaging import load_image

TARGET = "densepose_mobile.apps.camera.command:app"


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command, also where the package was installed before it had one; and no display."""
    command = command_line.Command("camera", TARGET, ("camera",))
    monkeypatch.setattr(command_line, "catalogue", lambda: {"camera": command})
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a display")
def test_no_display_is_one_line(camera: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["camera"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: there is no display")
    assert "--screenshot" in line


def test_where_a_display_is() -> None:
    require_display({"DISPLAY": ":0"}, "linux")
    require_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    require_display({"SDL_VIDEODRIVER": "offscreen"}, "linux")
    require_display({"ANDROID_ARGUMENT": "/data"}, "linux")
    require_display({}, "darwin")
    with pytest.raises(DisplayUnavailable, match="WAYLAND_DISPLAY"):
        require_display({"DISPLAY": ""}, "linux")


def test_usage_mistakes(camera: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["camera", "--size", "large"]) == 2
    assert command_line.main(["camera", "--mode", "slow"]) == 2
    assert command_line.main(["camera", "--draw", "stripes"]) == 2
    assert command_line.main(["camera", "--screenshot", "window.bmp"]) == 2
    assert command_line.main(["camera", str(tmp_path / "missing.mp4")]) == 1
    assert "missing.mp4 does not exist" in capfd.readouterr().err


def test_staging_prints_the_folder(camera: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["camera", "--stage-android", str(tmp_path / "project")]) == 0
    assert capfd.readouterr().out.strip() == str(tmp_path / "project")
    assert (tmp_path / "project" / "buildozer.spec").exists()


def test_a_screenshot_of_the_real_thing(tmp_path: Path) -> None:
    pytest.importorskip("kivy")
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "shot.png"
    code = f"import sys\nfrom {TARGET.partition(':')[0]} import app\napp()"
    arguments = ["people", "--size", "900x640", "--threads", "1", "--screenshot", str(path)]
    environment = {**os.environ, "KIVY_HOME": str(tmp_path / "kivy")}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shot = load_image(path)
    assert shot.shape == (640, 900, 3)
    stage = shot[:, : 900 - 340].astype(int)
    greens = (stage[..., 1] > stage[..., 0] + 40) & (stage[..., 1] > stage[..., 2] + 40)
    assert greens.sum() > 2000  # two painted torsos


def test_the_meter_counts_and_forgets() -> None:
    meter = Meter()
    assert meter.latency_ms() is None
    assert meter.fps(0.0) == 0
    for n in range(50):
        meter.add(n / 10, 0.03 if n % 2 else 0.05)
    assert meter.fps(4.9) == pytest.approx(10)
    assert meter.latency_ms() == pytest.approx(40)
    assert meter.fps(20.0) == 0


def test_browsing_lists_folders_and_fitting_files(tmp_path: Path) -> None:
    for name in ("b.MP4", "a.mp4", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "zoo").mkdir()
    assert [entry.name for entry in entries(tmp_path, (".mp4",))] == ["zoo/", "a.mp4", "b.MP4"]
    assert entries(tmp_path / "missing", (".mp4",)) == []
