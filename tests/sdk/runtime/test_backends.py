"""What every adapter owes its callers, on the same graph."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError, InputError
from densepose_mobile.runtime import Graph, Placement, Runtime, backends
from densepose_mobile.spec import GraphSpec, TensorSpec

Arrays = tuple[NDArray[np.float32], ...]
HALF = 2e-3  # the Core ML graph computes in float16
TOLERANCE = {"mil": HALF, "coreml": HALF}
THREADLESS = ("mil", "coreml")
MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite": "tflite_runtime.interpreter",
    "onnx": "onnxruntime",
    "executorch": "executorch.runtime",
    "coreml": "coremltools",
    "mil": "coremltools",
}
NAMES = [backend.name for backend in backends()]


@pytest.fixture(params=NAMES)
def runtime(request: pytest.FixtureRequest, open_backend: Callable[..., tuple[str, Runtime]]) -> tuple[str, Runtime]:
    return open_backend(request.param)


@pytest.fixture
def loaded(runtime: tuple[str, Runtime], model: Callable[[str], bytes], graph_spec: GraphSpec) -> Graph:
    family, opened = runtime
    return opened.load(graph_spec, model(family))


def test_inputs_and_outputs_go_in_the_order_of_the_spec(
    runtime: tuple[str, Runtime], loaded: Graph, graph_inputs: Arrays, graph_outputs: Arrays
) -> None:
    outputs = loaded(*graph_inputs)
    tolerance = TOLERANCE.get(runtime[1].name, 1e-6)
    assert [output.dtype for output in outputs] == ["float32"] * 3
    for output, expected in zip(outputs, graph_outputs, strict=True):
        np.testing.assert_allclose(output, expected, rtol=tolerance, atol=tolerance)


def test_outputs_outlive_the_next_call(loaded: Graph, graph_inputs: Arrays) -> None:
    first = loaded(*graph_inputs)
    kept = [output.copy() for output in first]
    loaded(*(array + 1 for array in graph_inputs))
    for output, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(output, before)
        output += 1  # theirs to keep


def test_other_layouts_of_memory_and_dtypes_are_taken(loaded: Graph, graph_inputs: Arrays) -> None:
    features, wy, wx = graph_inputs
    plain = loaded(features, wy, wx)
    odd = np.asfortranarray(features.astype(np.float64))
    fixed = wy.copy()
    fixed.flags.writeable = False
    for output, expected in zip(loaded(odd, fixed, wx[:, ::-1][:, ::-1]), plain, strict=True):
        np.testing.assert_array_equal(output, expected)


def test_wrong_input_shape_names_both(loaded: Graph, graph_inputs: Arrays) -> None:
    features, wy, wx = graph_inputs
    with pytest.raises(InputError, match=r"\(1, 4, 4, 2\).*\(4, 4, 2\)"):
        loaded(features[0], wy, wx)
    with pytest.raises(InputError, match="features, wy, wx"):
        loaded(features, wy)


@pytest.mark.parametrize("change", ["fewer inputs", "more outputs", "another shape"])
def test_model_that_is_not_its_spec_is_refused(
    runtime: tuple[str, Runtime], model: Callable[[str], bytes], graph_spec: GraphSpec, change: str
) -> None:
    family, opened = runtime
    first, *others = graph_spec.outputs
    wrong = {
        "fewer inputs": replace(graph_spec, inputs=graph_spec.inputs[:2]),
        "more outputs": replace(graph_spec, outputs=(*graph_spec.outputs, TensorSpec("more", (1,)))),
        "another shape": replace(graph_spec, outputs=(TensorSpec(first.name, (1, 4, 5)), *others)),
    }[change]
    with pytest.raises(BundleError, match=r"'dense_2' has the .*its spec says"):
        opened.load(wrong, model(family))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\0" * 64], ids=["empty", "text", "zeros"])
def test_bytes_that_are_no_model_are_refused(
    runtime: tuple[str, Runtime], graph_spec: GraphSpec, content: bytes
) -> None:
    with pytest.raises(BundleError, match="'dense_2'"):
        runtime[1].load(graph_spec, content)


def test_a_model_that_was_cut_short_is_refused(
    runtime: tuple[str, Runtime], model: Callable[[str], bytes], graph_spec: GraphSpec
) -> None:
    family, opened = runtime
    if opened.name == "tflite":
        pytest.skip("tflite-runtime 2.14 crashes on them, as its adapter says")
    whole = model(family)
    with pytest.raises((BundleError, BackendUnavailable), match="'dense_2'"):
        opened.load(graph_spec, whole[: len(whole) // 2])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_placement_tells_threads(
    name: str,
    threads: int,
    open_backend: Callable[..., tuple[str, Runtime]],
    model: Callable[[str], bytes],
    graph_spec: GraphSpec,
    graph_inputs: Arrays,
) -> None:
    family, opened = open_backend(name, threads=threads)
    graph = opened.load(graph_spec, model(family))
    assert isinstance(graph.placement, Placement)
    assert graph.placement.threads == (None if name in THREADLESS else threads)
    assert graph.placement.used
    graph(*graph_inputs)


@pytest.mark.parametrize("name", NAMES)
def test_missing_package_gives_the_pip_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (backend,) = (backend for backend in backends() if backend.name == name)
    if backend.system:
        monkeypatch.setattr(sys, "platform", backend.system)
    monkeypatch.setitem(sys.modules, MODULES[name], None)
    module, _, adapter = backend.adapter.partition(":")
    constructor: Any = getattr(import_module(f"densepose_mobile.runtime.{module}"), adapter)
    with pytest.raises(BackendUnavailable, match=rf"densepose-mobile\[{backend.extra}\]"):
        constructor()
