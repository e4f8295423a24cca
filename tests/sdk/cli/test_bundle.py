import json
from pathlib import Path

import pytest

from densepose_mobile.bundle import Manifest, write_bundle
from densepose_mobile.cli.main import main
from densepose_mobile.spec import ModelSpec


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle for Android whose graphs nothing could run."""
    spec = ModelSpec(detect_size=64, track_size=32)
    path = tmp_path / "tiny.dpm"
    manifest = Manifest("tiny", "0.0.1", "executorch-vulkan-fp32", spec, "atlas-7")
    write_bundle(path, manifest, {graph.name: b"x" for graph in spec.graphs()}, {})
    return path


def test_export(bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "app"
    assert main(["bundle", "export", str(bundle), "--to", "android", "--out", str(out)]) == 0
    printed = capfd.readouterr()
    assert printed.out.strip() == str(out)
    assert "tiny 0.0.1" in printed.err
    assert "Kotlin" in printed.err
    assert json.loads((out / "model" / "model.json").read_text())["graphs"]["track"]["file"] == "track.pte"
    assert (out / "vectors" / "people.json").exists()
    assert main(["bundle", "export", str(bundle), "--to", "android", "--out", str(out)]) == 1
    assert "is there already" in capfd.readouterr().err


def test_a_bundle_that_does_not_fit(bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "export", str(bundle), "--to", "ios", "--out", str(tmp_path / "app")]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "executorch-vulkan-fp32" in line
    assert not (tmp_path / "app").exists()


@pytest.mark.parametrize(
    "words", [["--to", "windows", "--out", "x"], ["--out", "x"], ["--to", "android"], ["--to", "ios", "--force"]]
)
def test_usage_mistakes(words: list[str], bundle: Path) -> None:
    assert main(["bundle", "export", str(bundle), *words]) == 2


def test_vectors(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "vectors", "--out", str(tmp_path / "vectors")]) == 0
    paths = [Path(line) for line in capfd.readouterr().out.splitlines()]
    assert {path.stem for path in paths} >= {"decode", "nms", "rois", "people"}
    assert all(json.loads(path.read_text())["cases"] for path in paths)
    (tmp_path / "file").write_text("")
    assert main(["bundle", "vectors", "--out", str(tmp_path / "file")]) == 1
    assert "cannot write" in capfd.readouterr().err
