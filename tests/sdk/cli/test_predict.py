import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.cli.main import main
from densepose_mobile.imaging import load_image

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
Save = Callable[..., Path]


def test_the_three_files_of_a_picture(tmp_path: Path, save: Save, model: object) -> None:
    photo = save(tmp_path / "photo.png")
    out = tmp_path / "out"
    assert main(["predict", str(photo), "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["photo.iuv.png", "photo.json", "photo.overlay.jpg"]
    iuv = load_image(out / "photo.iuv.png")
    assert iuv.shape == (48, 64, 3)
    assert (iuv[12:36, 8:40] == (3, 128, 64)).all()
    assert iuv.sum() == 24 * 32 * (3 + 128 + 64)
    overlay = load_image(out / "photo.overlay.jpg")
    assert overlay.shape == (48, 64, 3)
    assert np.abs(overlay[20:28, 16:32].astype(int) - (255, 180, 40)).mean() > 5
    assert np.abs(overlay[20:28, 54:].astype(int) - 60).max() < 12
    record = json.loads((out / "photo.json").read_text())
    assert record["source"] == str(photo)
    assert (record["width"], record["height"]) == (64, 48)
    assert record["people"][0]["box"] == [8, 12, 40, 36]
    assert record["people"][0]["parts"] == {"right hand": 768}
    assert record["timings_ms"] == {"total": 12.5}


def test_options_reach_the_model(tmp_path: Path, save: Save, model: "object") -> None:
    photo = save(tmp_path / "photo.png")
    assert main(["predict", str(photo), "-o", str(tmp_path / "out"), "--mode", "accurate", "--draw", "none"]) == 0
    assert model.calls == [{"shape": (48, 64, 3), "mode": "accurate"}]
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", ".png"]


def test_legend_widens_the_overlay_only(tmp_path: Path, save: Save, model: object) -> None:
    photo = save(tmp_path / "photo.png")
    assert main(["predict", str(photo), "-o", str(tmp_path), "--legend", "--draw", "uv,boxes"]) == 0
    assert load_image(tmp_path / "photo.overlay.jpg").shape[1] > 64
    assert load_image(tmp_path / "photo.iuv.png").shape == (48, 64, 3)


def test_json_lines_on_stdout_and_the_rest_on_stderr(
    tmp_path: Path, save: Save, model: object, capfd: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "b.png", np.zeros((20, 30, 3), np.uint8))
    assert main(["predict", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--json"]) == 0
    printed = capfd.readouterr()
    first, second = map(json.loads, printed.out.splitlines())
    assert Path(first["source"]).name == "a.png"
    assert len(first["people"]) == 1
    assert second["people"] == []
    assert first == json.loads((tmp_path / "out" / "a.json").read_text())
    assert "a.png: 1 person in 12 ms" in printed.err
    assert "b.png: 0 people" in printed.err


def test_stdout_is_silent_without_json(
    tmp_path: Path, save: Save, model: object, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(save(tmp_path / "a.png")), "-o", str(tmp_path / "out")]) == 0
    assert capfd.readouterr().out == ""


def test_same_stems_do_not_overwrite_each_other(tmp_path: Path, save: Save, model: object) -> None:
    first = save(tmp_path / "x" / "a.png")
    second = save(tmp_path / "y" / "a.png", np.zeros((20, 30, 3), np.uint8))
    out = tmp_path / "out"
    assert main(["predict", str(first), str(second), "-o", str(out)]) == 0
    assert json.loads((out / "a.json").read_text())["source"] == str(first)
    assert json.loads((out / "a-2.json").read_text())["source"] == str(second)
    assert len(list(out.iterdir())) == 6


def test_a_second_run_into_the_pictures_own_folder(tmp_path: Path, save: Save, model: object) -> None:
    save(tmp_path / "a.jpg")
    for _ in range(2):
        assert main(["predict", str(tmp_path), "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.iuv.png", "a.jpg", "a.json", "a.overlay.jpg"]


def test_each_failing_input_is_named_and_the_others_go_on(
    tmp_path: Path, save: Save, model: object, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    good = [save(folder / "good1.png"), save(folder / "good2.jpg")]
    bad = {
        "diary.jpg": b"dear diary, today",
        "empty.jpg": b"",
        "phone.heic": HEIC,
        "short.jpg": good[1].read_bytes()[:-40],
        "film.mp4": b"not a film",
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    save(folder / "unlucky.png", np.zeros((13, 13, 3), np.uint8))
    save(folder / "library.png", np.zeros((14, 14, 3), np.uint8))
    (tmp_path / "nothing").mkdir()
    out = tmp_path / "out"
    inputs = [str(folder), str(tmp_path / "nothing"), str(tmp_path / "missing.jpg")]
    assert main(["predict", *inputs, "-o", str(out), "--json"]) == 1
    printed = capfd.readouterr()
    failures = [line for line in printed.err.splitlines() if line.startswith("failed: ")]
    for name in (*bad, "library.png", "nothing", "missing.jpg"):
        assert sum(name in line for line in failures) == 1, name
    assert any("bad luck" in line for line in failures)
    assert any("phone.heic" in line and "convert it to JPEG" in line for line in failures)
    assert "9 of 11 inputs failed" in printed.err
    assert "Traceback" not in printed.err
    assert {path.name.split(".")[0] for path in out.iterdir()} == {"good1", "good2"}
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert sum("error" in line for line in lines) == 9
    assert sum("people" in line for line in lines) == 2


@pytest.mark.parametrize("inputs", [["missing.jpg"], ["."]])
def test_nothing_to_do_is_a_failure(tmp_path: Path, model: object, inputs: list[str]) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    assert main(["predict", *(str(folder / name) for name in inputs), "-o", str(tmp_path / "out")]) == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, save: Save, model: "object", capfd: pytest.CaptureFixture[str]
) -> None:
    photo = save(tmp_path / "a.png")
    (tmp_path / "file").write_bytes(b"")
    assert main(["predict", str(photo), "-o", str(tmp_path / "file" / "out")]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: cannot write into")
    assert model.calls == []


@pytest.mark.parametrize(
    "arguments", [["--draw", "stripes"], ["--mode", "slow"], ["--score", "7"], ["--threads", "0"], ["--bogus"]]
)
def test_usage_mistakes(tmp_path: Path, save: Save, model: object, arguments: list[str]) -> None:
    photo = save(tmp_path / "a.png")
    assert main(["predict", str(photo), "-o", str(tmp_path / "out"), *arguments]) == 2
    assert not (tmp_path / "out").exists()
    assert main(["predict", "-o", str(tmp_path / "out")]) == 2
    assert main(["predict", str(photo)]) == 2


def test_exif_orientation_carries_through(tmp_path: Path, save: Save, model: object) -> None:
    photo = save(tmp_path / "a.jpg")
    data = photo.read_bytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    photo.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    assert main(["predict", str(photo), "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (record["width"], record["height"]) == (48, 64)
    box = record["people"][0]["box"]
    np.testing.assert_allclose(box, [12, 8, 36, 40], atol=2)
    assert load_image(tmp_path / "out" / "a.iuv.png").shape == (64, 48, 3)
    assert load_image(tmp_path / "out" / "a.overlay.jpg").shape == (64, 48, 3)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3)])
def test_slivers(tmp_path: Path, save: Save, model: object, size: tuple[int, int]) -> None:
    photo = save(tmp_path / "a.png", np.full((*size, 3), 255, np.uint8))
    assert main(["predict", str(photo), "-o", str(tmp_path / "out"), "--draw", "parts,uv,contour,boxes"]) == 0
    assert load_image(tmp_path / "out" / "a.iuv.png").shape == (*size, 3)
