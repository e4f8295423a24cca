"""The LiteRT adapter, on a graph of a few operations converted here."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densepose_mobile.errors import BackendUnavailable, BundleError, InputError
from densepose_mobile.runtime.litert import LiteRtRuntime
from densepose_mobile.spec import GraphSpec, TensorSpec

SPEC = GraphSpec(
    "dense_2",
    (TensorSpec("features", (1, 4, 4, 2)), TensorSpec("wy", (2, 3, 4)), TensorSpec("wx", (2, 3, 4))),
    (TensorSpec("mean", (1, 4, 4)), TensorSpec("difference", (2, 3, 4)), TensorSpec("wx_doubled", (2, 3, 4))),
)


@pytest.fixture(scope="module", params=["numbered", "named"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The converter drops names unless told; wx comes before wy in the alphabet and must not in the call."""
    torch = pytest.importorskip("torch")
    litert_torch = pytest.importorskip("litert_torch")
    pytest.importorskip("ai_edge_litert")

    class Tiny(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, features: Any, wy: Any, wx: Any) -> Any:
            outputs = features.mean(3), wy - wx, wx * 2
            names = [tensor.name for tensor in SPEC.outputs]
            return outputs if request.param == "numbered" else dict(zip(names, outputs, strict=True))

    arguments = tuple(torch.zeros(tensor.shape) for tensor in SPEC.inputs)
    named = {tensor.name: argument for tensor, argument in zip(SPEC.inputs, arguments, strict=True)}
    passed = {"sample_args": arguments} if request.param == "numbered" else {"sample_kwargs": named}
    path: Path = tmp_path_factory.mktemp("litert") / "tiny.tflite"
    litert_torch.convert(Tiny().eval(), **passed).export(str(path))
    return path.read_bytes()


def inputs() -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=tensor.shape).astype(np.float32) for tensor in SPEC.inputs]


def test_inputs_and_outputs_go_in_the_order_of_the_spec(model: bytes) -> None:
    features, wy, wx = inputs()
    mean, difference, doubled = LiteRtRuntime(threads=1).load(SPEC, model)(features, wy, wx)
    np.testing.assert_allclose(mean, features.mean(3), atol=1e-6)
    np.testing.assert_allclose(difference, wy - wx, atol=1e-6)
    np.testing.assert_allclose(doubled, wx * 2, atol=1e-6)


def test_outputs_outlive_the_next_call(model: bytes) -> None:
    graph = LiteRtRuntime(threads=1).load(SPEC, model)
    first = graph(*inputs())
    kept = [output.copy() for output in first]
    graph(*(array + 1 for array in inputs()))
    for output, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(output, before)


def test_other_layouts_of_memory_and_dtypes_are_taken(model: bytes) -> None:
    features, wy, wx = inputs()
    graph = LiteRtRuntime(threads=1).load(SPEC, model)
    odd = np.asfortranarray(features.astype(np.float64))
    np.testing.assert_array_equal(graph(odd, wy, wx)[0], graph(features, wy, wx)[0])


def test_wrong_input_shape_names_both(model: bytes) -> None:
    features, wy, wx = inputs()
    graph = LiteRtRuntime(threads=1).load(SPEC, model)
    with pytest.raises(InputError, match=r"\(1, 4, 4, 2\).*\(4, 4, 2\)"):
        graph(features[0], wy, wx)
    with pytest.raises(InputError, match="features, wy, wx"):
        graph(features, wy)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (SPEC.inputs[:2], SPEC.outputs),
        (SPEC.inputs, (*SPEC.outputs, TensorSpec("more", (1,)))),
        (SPEC.inputs, (TensorSpec("mean", (1, 4, 5)), *SPEC.outputs[1:])),
    ],
)
def test_model_that_is_not_its_spec_is_refused(
    model: bytes, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> None:
    with pytest.raises(BundleError, match=r"'dense_2' has the .*its spec says"):
        LiteRtRuntime().load(GraphSpec("dense_2", inputs, outputs), model)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\0" * 64])
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(BundleError, match="'dense_2'"):
        LiteRtRuntime().load(SPEC, content)


def test_missing_package_gives_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(BackendUnavailable, match=r"densepose-mobile\[litert\]"):
        LiteRtRuntime()
