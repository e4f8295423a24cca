import json
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.bundle import Manifest, registered, write_bundle
from densepose_mobile.cli.main import main
from densepose_mobile.spec import ModelSpec


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose graphs nothing could run."""
    spec = ModelSpec(detect_size=64, track_size=32)
    manifest = Manifest(
        "tiny",
        "0.0.1",
        "litert-int8",
        spec,
        "atlas-7",
        provenance={"seed": 3, "training": {"recipe": {str(i): i for i in range(30)}, "data": {"shards": 4}}},
        metrics={"coco": {"recall": 0.25}},
    )
    path = tmp_path / "tiny.dpm"
    graphs = {graph.name: b"x" * 1_000_000 for graph in spec.graphs()}
    write_bundle(path, manifest, graphs, {"detect/image": np.zeros(3)})
    return path


def test_info_tells_what_a_bundle_holds(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(bundle)]) == 0
    printed = capfd.readouterr().out
    for word in ("tiny 0.0.1", "litert-int8", "graphs 1.0 MB", "Apache-2.0", "atlas-7", "seed: 3", "coco.recall: 0.25"):
        assert word in printed
    assert "nothing here: LiteRT cannot read graph 'detect'" in printed or "nothing here runs litert" in printed
    assert "training.recipe: 30 values" in printed
    assert "training.data.shards: 4" in printed
    assert "image 1x64x64x3" in printed
    rows = [line.split() for line in printed.splitlines() if "model.tflite" in line]
    assert [row[:2] for row in rows] == [[graph, "model.tflite"] for graph in ("detect", "dense_1", "dense_4", "track")]
    assert [row[2] == "1.0" for row in rows] == [True, False, False, False]  # MB of the file, once


def test_info_as_json(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(bundle), "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert facts["bundle"]["manifest"]["target"] == "litert-int8"
    backends = {backend["name"]: backend for backend in facts["backends"]}
    assert set(backends) == {"litert", "tflite", "onnx", "executorch", "coreml", "mil"}
    assert all(backend["obstacle"] is None or backend["obstacle"] for backend in backends.values())
    assert facts["bundle"]["runs"]["backend"] is None
    assert facts["bundle"]["runs"]["obstacle"]
    assert facts["versions"]["densepose-mobile"]


def test_info_without_a_bundle_tells_of_the_shipped_one(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    printed = capfd.readouterr().out
    assert "OpenCV" in printed
    assert "litert" in printed
    for name in registered():
        assert name in printed


def test_info_tells_where_graphs_lie(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert")
    if "small" not in registered():
        pytest.skip("no bundle is shipped yet")
    assert main(["info", "small"]) == 0
    printed = capfd.readouterr().out
    assert "runs on         litert" in printed
    assert "track: XNNPACK; threads 2" in printed


@pytest.mark.parametrize("cut", [0, 10, 5000, -100])
def test_a_corrupt_bundle_is_one_line(bundle: Path, cut: int, capfd: pytest.CaptureFixture[str]) -> None:
    bundle.write_bytes(bundle.read_bytes()[:cut])
    assert main(["info", str(bundle)]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert str(bundle) in line


def test_a_changed_byte_is_found(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    assert main(["info", str(bundle)]) == 1
    assert "error: " in capfd.readouterr().err
