"""Verifying bundles: what is reported, what fails, which backends are taken."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.bundle import Bundle, registered, write_bundle
from densepose_mobile.cli.main import main
from densepose_mobile.cli.verify import check, chosen
from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime import backends, registry

NAME = "small-fp16"
needs_bundle = pytest.mark.skipif(NAME not in registered(), reason=f"no {NAME} in sdk/models")


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """The shipped bundle, whose golden scores are another graph's."""
    bundle = Bundle.open(NAME)
    golden = dict(bundle.golden)
    golden["detect/scores"] = np.zeros_like(golden["detect/scores"])
    path = tmp_path / "spoilt.dpm"
    write_bundle(path, bundle.manifest, {g.name: bundle.graph(g.name) for g in bundle.spec.graphs()}, golden)
    return path


@needs_bundle
def test_a_sound_bundle_passes(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert")
    assert main(["verify", NAME, "--threads", "1"]) == 0
    printed = capfd.readouterr().out
    for word in ("on litert", "XNNPACK; threads 1", "SQNR dB", "max difference", "litert: every output passed"):
        assert word in printed
    assert "FAILED" not in printed


@needs_bundle
def test_a_wrong_output_is_named_and_fails(spoilt: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert")
    assert main(["verify", str(spoilt)]) == 1
    printed = capfd.readouterr().out
    (line,) = [line for line in printed.splitlines() if "FAILED" in line]
    assert line.split()[:2] == ["detect", "scores"]
    assert "1 of 20 outputs failed" in printed


@needs_bundle
def test_json_has_every_figure(spoilt: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert")
    assert main(["verify", str(spoilt), "--backend", "all", "--json"]) == 1
    facts = json.loads(capfd.readouterr().out)
    assert (facts["name"], facts["target"]) == (NAME, "litert-fp16")
    assert [one["backend"] for one in facts["checks"]] == [b.name for b in backends("litert") if b.available]
    one = facts["checks"][0]
    assert not one["passed"]
    assert one["placement"]["track"]["elsewhere"] == []
    scores = next(output for output in one["outputs"] if output["output"] == "scores")
    assert not scores["passed"]
    assert scores["rms"] == 0
    assert scores["sqnr_db"] is None  # no signal: not a number of JSON
    assert scores["max_abs"] >= scores["rms_error"] > scores["tolerance"]


@needs_bundle
@pytest.mark.parametrize(("backend", "words"), [("onnx", "does not run litert graphs"), ("ncnn", "no backend 'ncnn'")])
def test_a_backend_that_cannot_is_one_line(backend: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", NAME, "--backend", backend]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line


@needs_bundle
def test_a_backend_that_is_here_and_fails_is_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")

    def broken(self: registry.Backend, threads: int) -> None:
        raise BackendUnavailable("its library does not load")

    monkeypatch.setattr(registry.Backend, "open", broken)
    outcome = check(Bundle.open(NAME), "litert", 1)
    assert not outcome.passed
    assert outcome.as_dict()["error"] == "its library does not load"


def test_backends_are_chosen_by_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda module: module)
    monkeypatch.setattr(sys, "platform", "linux")
    assert chosen("litert", "auto") == ["auto"]
    assert chosen("litert", "all") == ["litert", "tflite"]
    assert chosen("coreml", "auto") == ["mil"]
    assert chosen("coreml", "all") == ["mil"]
    assert chosen("coreml", "coreml") == ["coreml"]  # which then says that it is not here
    monkeypatch.setattr(sys, "platform", "darwin")
    assert chosen("coreml", "auto") == ["auto"]
    assert chosen("coreml", "all") == ["coreml", "mil"]
    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    assert chosen("litert", "all") == ["auto"]
