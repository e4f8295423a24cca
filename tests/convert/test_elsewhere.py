"""The tiny student's graphs away from torch: tflite-runtime in its own environment, and `verify` of every bundle."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.bundle import Bundle, Manifest, write_bundle
from densepose_mobile.cli.main import main
from densepose_mobile.convert.golden import golden_arrays
from densepose_mobile.convert.network import Network
from densepose_mobile.runtime.cache import CACHE_VARIABLE

from .conftest import SPEC, Lowered

ROOT = Path(__file__).parents[2]
TFLITE = ROOT / ".venv/tflite/bin/python"
RUN = """
import sys
from pathlib import Path
import numpy as np
from densepose_mobile.runtime import open_runtime
from densepose_mobile.spec import ModelSpec
sizes = dict(detect_size=64, track_size=64, feature_channels=8, level_strides=(8, 16, 32), roi_size=8, map_size=16)
spec = ModelSpec(**sizes, roi_batches=(2,))
folder = Path(sys.argv[1])
runtime = open_runtime("litert", "tflite", threads=1)
for graph in spec.graphs():
    loaded = runtime.load(graph, (folder / f"{graph.name}.tflite").read_bytes())
    inputs = np.load(folder / f"{graph.name}.npz")
    np.savez(folder / f"{graph.name}.out.npz", *loaded(*(inputs[tensor.name] for tensor in graph.inputs)))
assert "torch" not in sys.modules
"""


@pytest.mark.skipif(not TFLITE.exists(), reason="no .venv/tflite: `make test` builds it, with Python 3.11 or older")
def test_tflite_runtime_computes_what_torch_computes(
    network: Network, floats: dict[str, bytes], tmp_path: Path
) -> None:
    expected = {}
    rng = np.random.default_rng(0)
    for graph in SPEC.graphs():
        (tmp_path / f"{graph.name}.tflite").write_bytes(floats[graph.name])
        arrays = {tensor.name: rng.uniform(-1, 1, tensor.shape).astype(np.float32) for tensor in graph.inputs}
        np.savez(tmp_path / f"{graph.name}.npz", **arrays)
        expected[graph.name] = network.reference(graph)(*arrays.values())
    command = [str(TFLITE), "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for graph in SPEC.graphs():
        with np.load(tmp_path / f"{graph.name}.out.npz") as outputs:
            for index, reference in enumerate(expected[graph.name]):
                np.testing.assert_allclose(outputs[f"arr_{index}"], reference, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["litert-fp32", "onnx-fp32", "executorch-fp32", "coreml-fp16"])
def test_every_bundle_is_verified_on_this_machine(
    name: str,
    network: Network,
    lowered: Lowered,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    references = {graph.name: network.reference(graph) for graph in SPEC.graphs()}
    graphs, _ = lowered(name)
    path = tmp_path / "tiny.dpm"
    write_bundle(path, Manifest("tiny", "1", name, SPEC, "atlas"), graphs, golden_arrays(SPEC, references))
    assert main(["verify", str(path), "--json", "--threads", "1"]) == 0
    (check,) = json.loads(capfd.readouterr().out)["checks"]
    assert check["backend"] == {"coreml-fp16": "mil"}.get(name, Bundle.open(path).manifest.family)
    assert check["passed"]
    assert set(check["placement"]) == set(graphs)
    outputs = {(output["graph"], output["output"]) for output in check["outputs"]}
    assert outputs == {(graph.name, tensor.name) for graph in SPEC.graphs() for tensor in graph.outputs}
    if name == "coreml-fp16":
        assert main(["verify", str(path)]) == 0
        assert "not run on Apple hardware" in capfd.readouterr().out
