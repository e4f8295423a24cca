"""The public names, and what importing and predicting drag in."""

import subprocess
import sys
from pathlib import Path

import pytest

import densepose_mobile
from densepose_mobile.bundle import Bundle


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running the code."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_every_public_name_is_there() -> None:
    for name in densepose_mobile.__all__:
        assert getattr(densepose_mobile, name).__name__ == name
    assert set(densepose_mobile.__all__) <= set(dir(densepose_mobile))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'DensePoze'"):
        _ = densepose_mobile.DensePoze


def test_import_alone_loads_neither_numpy_nor_opencv() -> None:
    assert not loaded_after("import densepose_mobile") & {"numpy", "cv2", "typer", "torch"}


def test_predicting_loads_only_the_lean_dependencies(fake_bundle: Bundle) -> None:
    pytest.importorskip("ai_edge_litert")
    assert Path(fake_bundle.source).exists()
    code = (
        "import numpy as np\n"
        "from densepose_mobile import DensePose, BundleError\n"
        "from densepose_mobile.runtime import open_runtime\n"
        "open_runtime('litert')\n"
        f"try: DensePose.load({fake_bundle.source!r})\n"
        "except BundleError as error: assert 'LiteRT cannot read' in str(error)"
    )
    loaded = loaded_after(code)
    assert {"numpy", "cv2", "ai_edge_litert"} <= loaded
    assert not loaded & {"torch", "kivy", "scipy", "yaml", "PIL", "tensorflow", "typer"}
