"""LiteRT: graphs whose converter dropped the names, and operators that its delegate leaves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.runtime.litert import LiteRtRuntime
from densepose_mobile.spec import GraphSpec, TensorSpec


def convert(module: Any, spec: GraphSpec, folder: Path) -> bytes:
    """As the converter does it by itself: tensors are numbered."""
    torch = pytest.importorskip("torch")
    litert_torch = pytest.importorskip("litert_torch")
    path = folder / "graph.tflite"
    litert_torch.convert(module.eval(), tuple(torch.zeros(t.shape) for t in spec.inputs)).export(str(path))
    return path.read_bytes()


def test_numbered_tensors_go_in_the_order_of_the_spec(
    graph_spec: GraphSpec,
    graph_inputs: tuple[NDArray[np.float32], ...],
    graph_outputs: tuple[NDArray[np.float32], ...],
    tmp_path: Path,
) -> None:
    torch = pytest.importorskip("torch")

    class Tiny(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, features: Any, wy: Any, wx: Any) -> Any:
            return features.mean(3), wy - wx, wx * 2

    graph = LiteRtRuntime(threads=1).load(graph_spec, convert(Tiny(), graph_spec, tmp_path))
    for output, expected in zip(graph(*graph_inputs), graph_outputs, strict=True):
        np.testing.assert_allclose(output, expected, atol=1e-6)


def test_a_graph_of_the_delegates_operators_lies_on_it(model: Callable[[str], bytes], graph_spec: GraphSpec) -> None:
    pytest.importorskip("ai_edge_litert")
    placement = LiteRtRuntime(threads=1).load(graph_spec, model("litert")).placement
    assert placement.complete
    assert set(placement.used) == {"XNNPACK"}


def test_operators_off_the_delegate_are_named(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Split(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return torch.cumsum(x * 2, 1) * x

    spec = GraphSpec("split", (TensorSpec("x", (1, 4)),), (TensorSpec("y", (1, 4)),))
    graph = LiteRtRuntime(threads=1).load(spec, convert(Split(), spec, tmp_path))
    np.testing.assert_allclose(graph(np.array([[1, 2, 3, 4]], np.float32))[0], [[2, 12, 36, 80]])
    assert not graph.placement.complete
    assert "CUMSUM" in (graph.placement.elsewhere or ())
    assert graph.placement.used == ("XNNPACK", "XNNPACK", "built-in kernels")
    assert "off XNNPACK: CUMSUM" in str(graph.placement)
