"""Several graphs in one LiteRT model: which runs, what they share, and where each lies."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.bundle import Bundle, registered
from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime import Runtime
from densepose_mobile.runtime.interpreter import InterpreterRuntime
from densepose_mobile.runtime.signatures import alone, subgraph_of

from ...litert_models import SHAPE, chain, spec_of

WEIGHTS = np.arange(16, dtype=np.float32).reshape(SHAPE)
X = np.ones(SHAPE, np.float32)


@pytest.fixture(scope="module")
def model() -> bytes:
    """x * weights, its sums along a row (which XNNPACK does not take), and twice the weights."""
    pytest.importorskip("ai_edge_litert")
    from densepose_mobile.convert.merging import merge_graphs

    steps = {"product": [("MUL", WEIGHTS)], "sums": [("CUMSUM", 1)], "twice": [("MUL", WEIGHTS), ("MUL", 2)]}
    return merge_graphs({name: chain(*steps[name]) for name in steps})


class Counted(InterpreterRuntime):
    """LiteRT; every interpreter that it opens stands in `opened`, by the size of its model."""

    name = "counted"

    def __init__(self) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.opened: list[int] = []

        def interpreter(model_content: bytes, num_threads: int) -> Any:
            self.opened.append(len(model_content))
            return Interpreter(model_content=model_content, num_threads=num_threads)

        super().__init__("LiteRT", interpreter, 1)


def test_the_graph_of_the_specs_name_runs(model: bytes) -> None:
    runtime = Counted()
    graphs = {name: runtime.load(spec_of(name), model) for name in ("twice", "product", "sums")}
    assert runtime.opened == [len(model)]  # once for all of them
    for _ in range(2):  # none disturbs another
        np.testing.assert_array_equal(graphs["product"](X)[0], WEIGHTS)
        np.testing.assert_array_equal(graphs["twice"](X)[0], 2 * WEIGHTS)
        np.testing.assert_array_equal(graphs["sums"](2 * X)[0], np.cumsum(2 * X, 1))


def test_a_model_is_let_go_with_its_last_graph(model: bytes) -> None:
    runtime = Counted()
    first = runtime.load(spec_of("product"), model)
    del first
    kept = runtime.load(spec_of("sums"), model)
    other = bytearray(model)
    runtime.load(spec_of("sums"), bytes(other))  # equal bytes are another model
    assert len(runtime.opened) == 3
    np.testing.assert_array_equal(kept(X)[0], np.cumsum(X, 1))


def test_placement_is_each_graphs_own(model: bytes) -> None:
    runtime = Counted()
    graphs = {name: runtime.load(spec_of(name), model) for name in ("product", "sums", "twice")}
    placed = {name: graph.placement for name, graph in graphs.items()}
    assert placed["product"].complete
    assert placed["product"].used == ("XNNPACK",)
    assert placed["sums"].elsewhere == ("CUMSUM",)
    assert placed["sums"].used == ("built-in kernels",)
    assert placed["twice"].complete
    assert len(runtime.opened) == 3  # the first graph's is read off the interpreter that runs
    assert graphs["sums"].placement is placed["sums"]
    np.testing.assert_array_equal(graphs["twice"](X)[0], 2 * WEIGHTS)


def test_a_graph_that_cannot_run_is_known_when_it_is_loaded() -> None:
    pytest.importorskip("ai_edge_litert")
    from densepose_mobile.convert.merging import merge_graphs

    odd = chain(("CUMSUM", [0, 1]))  # takes one axis
    whole = merge_graphs({"product": chain(("MUL", WEIGHTS)), "odd": odd})
    runtime = Counted()
    for model in (odd, whole):
        with pytest.raises(BackendUnavailable, match="LiteRT cannot run graph 'odd'"):
            runtime.load(spec_of("odd"), model)
    np.testing.assert_array_equal(runtime.load(spec_of("product"), whole)(X)[0], WEIGHTS)


def test_an_unknown_graph_names_the_known(model: bytes) -> None:
    with pytest.raises(BundleError, match=r"no graph 'dense_2' among its signatures \(product, sums, twice\)"):
        Counted().load(spec_of("dense_2"), model)
    for function in (alone, subgraph_of):
        with pytest.raises(BundleError, match="no signature 'dense_2'; it has product, sums, twice"):
            function(model, "dense_2")


def test_a_graph_alone(model: bytes) -> None:
    assert [subgraph_of(model, name) for name in ("product", "sums", "twice")] == [0, 1, 2]
    for name in ("product", "sums", "twice"):
        single = alone(model, name)
        assert len(single) == len(model)
        assert subgraph_of(single, name) == 0
        assert alone(single, name) == single
        with pytest.raises(BundleError, match=f"it has {name}:"):
            alone(single, "track")
        interpreter = Counted()._interpreter(model_content=single, num_threads=1)
        assert interpreter.get_signature_list() == {name: {"inputs": ["x"], "outputs": ["y"]}}
    np.testing.assert_array_equal(Counted().load(spec_of("sums"), alone(model, "sums"))(X)[0], np.cumsum(X, 1))


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 64, b"\xff" * 4 + b"TFL3" + b"\xff" * 100])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match="convert"):
        alone(content, "detect")


def test_every_truncation_is_refused_or_whole(model: bytes) -> None:
    for length in range(0, len(model), 7):
        try:
            assert len(alone(model[:length], "twice")) == length
        except BundleError:
            continue


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_a_bundle_error_or_harmless(model: bytes, data: st.DataObject) -> None:
    """Offsets stand at multiples of 4, most of them at the beginning; anything may stand there."""
    damaged = bytearray(model)
    places = st.one_of(st.integers(0, 60), st.integers(0, len(model) // 4 - 1))
    value = st.one_of(st.binary(min_size=4, max_size=4), st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\0\0\0\x80"]))
    for place in data.draw(st.lists(places, min_size=1, max_size=3)):
        damaged[4 * place : 4 * place + 4] = data.draw(value)
    for name in ("product", "twice"):
        try:
            assert len(alone(bytes(damaged), name)) == len(model)
        except BundleError:
            continue


@pytest.mark.skipif("small-fp16" not in registered(), reason="no bundle in sdk/models")
@pytest.mark.parametrize("backend", ["litert", "tflite"])
def test_shipped_graphs_compute_the_same_alone(backend: str, open_backend: Callable[..., tuple[str, Runtime]]) -> None:
    _, runtime = open_backend(backend, threads=1)
    bundle = Bundle.open("small-fp16")
    rng = np.random.default_rng(0)
    together = bundle.load(runtime)
    for spec in bundle.spec.graphs():
        single = runtime.load(spec, alone(bundle.graph(spec.name), spec.name))
        inputs = [rng.random(tensor.shape, np.float32) for tensor in spec.inputs]
        for output, expected in zip(together[spec.name](*inputs), single(*inputs), strict=True):
            np.testing.assert_array_equal(output, expected)
        assert together[spec.name].placement == single.placement
