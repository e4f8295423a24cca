"""tflite-runtime, which needs NumPy 1 and so an environment of its own: tests run themselves there."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime.tflite import TfliteRuntime

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv/tflite/bin/python"
SUBSET = (
    "tests/sdk/runtime/test_backends.py",
    "tests/sdk/runtime/test_interpreter.py",
    "tests/sdk/bundle/test_shipped.py",
    "tests/sdk/test_predictor.py",
)


@pytest.mark.skipif(not PYTHON.exists(), reason="no .venv/tflite: `make test` builds it, with Python 3.11 or older")
def test_in_its_own_environment(model: Callable[[str], bytes], tmp_path: Path) -> None:
    tiny, report = tmp_path / "tiny.tflite", tmp_path / "report.xml"
    tiny.write_bytes(model("litert"))
    environment = {**os.environ, "DENSEPOSE_MOBILE_TINY_LITERT": str(tiny)}
    environment.pop("PYTHONPATH", None)
    arguments = ["-m", "pytest", *SUBSET, "-p", "no:cacheprovider", f"--junit-xml={report}"]
    done = subprocess.run(
        [str(PYTHON), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = list(ElementTree.parse(report).iter("testcase"))
    ran = {case.get("name", "") for case in cases if case.find("skipped") is None}
    # A subset that skipped everything would pass as well.
    assert len([name for name in ran if "tflite" in name]) >= 10
    assert {"test_golden_outputs[small]", "test_golden_outputs[small-fp16]"} <= ran
    assert "test_shipped_graphs_compute_the_same_alone[tflite]" in ran
    assert "test_inputs_and_outputs_go_in_the_order_of_the_spec[litert]" not in ran


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="of NumPy 2")
def test_beside_numpy_2_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(Interpreter=object)
    monkeypatch.setitem(sys.modules, "tflite_runtime", SimpleNamespace(interpreter=fake))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", fake)  # type: ignore[arg-type]
    with pytest.raises(BackendUnavailable, match=r"built for NumPy 1, and this is NumPy 2.*densepose-mobile\[tflite\]"):
        TfliteRuntime()
