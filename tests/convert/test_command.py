"""`densepose-mobile convert`: one bundle a target, and what happens when one cannot be written."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import Result
from torch import nn
from typer.testing import CliRunner

from densepose_mobile.bundle import Bundle
from densepose_mobile.calibration.dataset import CalibrationSet
from densepose_mobile.cli.main import main
from densepose_mobile.convert import command
from densepose_mobile.convert.network import Network
from densepose_mobile.convert.onnx import to_onnx
from densepose_mobile.convert.targets import TARGETS
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.spec import GraphSpec, ModelSpec, TensorSpec
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import save_student

from .conftest import TinyStudent

Run = Callable[..., Result]


@pytest.fixture
def run(
    tiny: TinyStudent, checkpoint: Path, cache: Path, floats: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Invoke the command on the tiny student."""
    monkeypatch.setattr(command, "load_student", lambda path: (tiny, {"seed": 3, "metrics": {"loss": 1.0}}))
    monkeypatch.setattr(command, "Atlas", SimpleNamespace(load=lambda: SimpleNamespace(id="a" * 64)))

    def invoke(*options: object) -> Result:
        words = [str(checkpoint), "--cache", str(cache), *map(str, options)]
        return CliRunner().invoke(command.app, words, catch_exceptions=False)

    return invoke


def _figures(report: Path) -> dict[str, Any]:
    return json.loads(report.read_text())["targets"]


def test_one_bundle_a_target(run: Run, calibration: CalibrationSet, tmp_path: Path) -> None:
    report, card = tmp_path / "parity.json", tmp_path / "cards/card.md"
    common = ["--out", tmp_path / "out", "--calibration", calibration.folder, "--refit", 0, "--report", report]
    done = run(*common, "--targets", "litert-int8,litert-fp32", "--model-version", "1.2.3")
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["target"] for line in done.stdout.splitlines()] == ["litert-int8", "litert-fp32"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "tiny-litert-fp32.dpm",
        "tiny-litert-int8.dpm",
    ]
    manifest = Bundle.open(tmp_path / "out/tiny-litert-int8.dpm").manifest
    assert (manifest.name, manifest.version, manifest.target) == ("tiny", "1.2.3", "litert-int8")
    figures = _figures(report)
    assert list(figures) == ["litert-fp32", "litert-int8"]
    for entry in figures.values():
        assert entry["command"].startswith("densepose-mobile")
        assert entry["graphs"].keys() == {"detect", "dense_2", "track", "chain"}
        assert entry["graphs"]["detect"]["coverage"]["partitions"] == 1

    # Another target, alone, keeps the figures of those before it, and the card has them all.
    done = run(*common, "--targets", "litert-fp16", "--card", card)
    assert done.exit_code == 0, done.output
    later = _figures(report)
    assert list(later) == ["litert-fp32", "litert-fp16", "litert-int8"]
    assert {name: later[name] for name in figures} == figures
    text = card.read_text()
    assert "# tiny 0.1.0" in text
    assert all(f"| {name} | litert |" in text for name in later)


class _Unknown(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.linalg.svd(x)[0] @ x,)


def _inexpressible(network: Network, graph: GraphSpec) -> bytes:
    tensors = (TensorSpec("x", (1, 4, 4, 2)),), (TensorSpec("y", (1, 4, 4, 2)),)
    return to_onnx(_Unknown().eval(), GraphSpec(graph.name, *tensors))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"requires": ("no_such_converter",)}, 'pip install "densepose-mobile[convert-onnx]"'),
        ({"converter": _inexpressible}, "graph 'detect' cannot be converted to ONNX: operator aten._linalg_svd"),
    ],
    ids=["missing extra", "inexpressible"],
)
def test_a_target_that_fails_does_not_stop_the_others(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setitem(TARGETS, "onnx-fp32", replace(TARGETS["onnx-fp32"], **changes))  # type: ignore[arg-type]
    report = tmp_path / "parity.json"
    done = run("--out", tmp_path / "out", "--targets", "onnx-fp32,litert-int8,litert-fp32", "--report", report)
    assert done.exit_code == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny-litert-fp32.dpm"]
    assert list(_figures(report)) == ["litert-fp32"]
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [error for error in errors if error.startswith("onnx-fp32 failed: ") and message in error]
    assert [error for error in errors if error.startswith("litert-int8 failed: ") and "--calibration" in error]
    assert errors[-1] == "2 of 3 targets failed: onnx-fp32, litert-int8"


def test_a_disk_that_fills_up_leaves_earlier_outputs(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fill_disk: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    report = tmp_path / "parity.json"
    options = ("--out", tmp_path / "out", "--targets", "litert-fp32", "--report", report)
    assert run(*options).exit_code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    fill_disk()
    assert run(*options).exit_code == 1
    monkeypatch.undo()
    assert "litert-fp32 failed: cannot write" in caplog.text
    assert "No space left on device" in caplog.text
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_report_that_cannot_be_written_is_told_and_the_bundles_stand(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, _: object) -> Path:
        raise OutputError(f"cannot write {path} (No space left on device)")

    monkeypatch.setattr(command, "write_results", full)
    done = run("--out", tmp_path / "out", "--targets", "litert-fp32,litert-fp16", "--report", tmp_path / "parity.json")
    assert done.exit_code == 1
    assert [json.loads(line)["target"] for line in done.stdout.splitlines()] == ["litert-fp32", "litert-fp16"]
    assert len(list((tmp_path / "out").iterdir())) == 2
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 2
    assert all("is written, its figures are not: cannot write" in error for error in errors)


def test_places_that_cannot_be_written_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot write into"):
        run("--out", tmp_path / "file/out", "--targets", "litert-fp32")
    done = run("--out", tmp_path / "out", "--targets", "litert-fp16", "--cache", tmp_path / "file/cache")
    assert done.exit_code == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_no_report_stays(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "parity.json"
    report.write_text('{"schema": 1}')
    with pytest.raises(InputError, match="no report of conversions"):
        run("--out", tmp_path / "out", "--targets", "litert-fp32", "--report", report)
    assert report.read_text() == '{"schema": 1}'


def test_a_checkpoint_of_another_architecture_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spec = ModelSpec(detect_size=64, track_size=96, feature_channels=8, roi_batches=(1, 2))
    student = Student(spec, head_width=8)
    student.head_width = 16  # what the header says
    save_student(tmp_path / "other.safetensors", student, {})
    out = tmp_path / "out"
    out.mkdir()
    earlier = out / "other-litert-fp32.dpm"
    earlier.write_bytes(b"earlier")
    assert main(["convert", str(tmp_path / "other.safetensors"), "--out", str(out), "--targets", "all"]) == 1
    assert "other.safetensors holds weights of another network" in capfd.readouterr().err
    assert earlier.read_bytes() == b"earlier"
    assert list(out.iterdir()) == [earlier]


def test_targets_are_listed(run: Run) -> None:
    done = CliRunner().invoke(command.app, ["--list"])
    assert done.exit_code == 0
    assert all(name in done.stdout for name in TARGETS)
    assert "run here by mil" in done.stdout or "run here by coreml" in done.stdout
    told = done.stdout.splitlines()
    for target in TARGETS.values():
        line = told[next(i for i, line in enumerate(told) if line.startswith(f"{target.name} ")) + 1]
        assert f"from the extra {target.extra}: torch " in line
        assert ("run by its device" in line) == target.device_only
