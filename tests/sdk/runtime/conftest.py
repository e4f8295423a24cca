"""A graph of a few operators for every runtime, and what it must compute.

Where there is no torch to convert it, as in the environment of tflite-runtime, the LiteRT graph comes from a file.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.runtime import Runtime, backends, open_runtime
from densepose_mobile.runtime.cache import CACHE_VARIABLE
from densepose_mobile.spec import GraphSpec, TensorSpec

GIVEN_LITERT = "DENSEPOSE_MOBILE_TINY_LITERT"  # names the file
# wx comes before wy in the alphabet, and must not in the call.
SPEC = GraphSpec(
    "dense_2",
    (TensorSpec("features", (1, 4, 4, 2)), TensorSpec("wy", (2, 3, 4)), TensorSpec("wx", (2, 3, 4))),
    (TensorSpec("mean", (1, 4, 4)), TensorSpec("difference", (2, 3, 4)), TensorSpec("doubled", (2, 3, 4))),
)
Arrays = tuple[NDArray[np.float32], ...]


def compute(features: NDArray[np.float32], wy: NDArray[np.float32], wx: NDArray[np.float32]) -> Arrays:
    return features.mean(3), wy - wx, wx * 2


def convert(family: str) -> bytes:
    torch = pytest.importorskip("torch")

    class Tiny(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("two", torch.full((3, 4), 2.0))  # a Core ML package is not whole without weights

        def forward(self, features: Any, wy: Any, wx: Any) -> Any:
            return features.mean(3), wy - wx, wx * self.two

    module = Tiny().eval()
    if family == "litert":
        pytest.importorskip("litert_torch")
        from densepose_mobile.convert.litert import to_litert

        return to_litert(module, SPEC)
    if family == "onnx":
        pytest.importorskip("onnxscript")
        from densepose_mobile.convert.onnx import to_onnx

        return to_onnx(module, SPEC)
    if family == "coreml":
        pytest.importorskip("coremltools")
        from densepose_mobile.convert.coreml import to_coreml

        return to_coreml(module, SPEC)
    pytest.importorskip("executorch.exir")
    from densepose_mobile.convert.executorch import to_executorch

    return to_executorch(module, SPEC, "coreml" if family == "executorch-coreml" else "xnnpack")


@pytest.fixture(scope="session")
def graph_spec() -> GraphSpec:
    return SPEC


@pytest.fixture(scope="session")
def graph_inputs() -> Arrays:
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=tensor.shape).astype(np.float32) for tensor in SPEC.inputs)


@pytest.fixture(scope="session")
def graph_outputs(graph_inputs: Arrays) -> Arrays:
    return compute(*graph_inputs)


@pytest.fixture(scope="session")
def model() -> Callable[[str], bytes]:
    """The converted graph of a target family."""
    made: dict[str, bytes] = {}

    def of(family: str) -> bytes:
        if family not in made:
            given = os.environ.get(GIVEN_LITERT) if family == "litert" else None
            made[family] = Path(given).read_bytes() if given else convert(family)
        return made[family]

    return of


@pytest.fixture
def open_backend() -> Callable[..., tuple[str, Runtime]]:
    """Opens a backend that is here; returns the first family that it runs, too."""

    def opened(name: str, threads: int = 2) -> tuple[str, Runtime]:
        (backend,) = (backend for backend in backends() if backend.name == name)
        if backend.obstacle:
            pytest.skip(backend.obstacle)
        return backend.families[0], open_runtime(backend.families[0], name, threads)

    return opened


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield
