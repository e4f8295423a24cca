"""Merging graphs into one file: what is shared is stored once, and every graph computes what it computed alone."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import model_bytes
from densepose_mobile.convert.merging import merge_graphs
from densepose_mobile.runtime.litert import LiteRtRuntime

from ..litert_models import SHAPE, chain, compute, contents, spec_of
from .conftest import SPEC, Lowered

WEIGHTS = [np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32) for seed in range(3)]


def read(model: bytes) -> Any:
    return flatbuffer_utils.read_model_from_bytearray(bytearray(model))


def constants(model: bytes) -> list[bytes]:
    return [bytes(buffer.data) for buffer in read(model).buffers if buffer.data is not None]


def check(graphs: dict[str, list[tuple[str, Any]]], model: bytes) -> None:
    runtime, x = LiteRtRuntime(threads=1), np.random.default_rng(9).normal(size=SHAPE).astype(np.float32)
    for name, steps in graphs.items():
        (found,) = runtime.load(spec_of(name), model)(x)
        (before,) = runtime.load(spec_of(name), chain(*steps))(x)
        np.testing.assert_array_equal(found, before)
        np.testing.assert_allclose(found, compute(x, *steps), rtol=1e-5, atol=1e-5)


def test_a_shared_weight_is_stored_once_and_both_graphs_run() -> None:
    shared, own, other = WEIGHTS
    graphs = {"one": [("MUL", shared), ("ADD", own)], "two": [("ADD", other), ("MUL", shared)]}
    model = merge_graphs({name: chain(*steps) for name, steps in graphs.items()})
    assert constants(model) == [weight.tobytes() for weight in (shared, own, other)]
    assert model.count(shared.tobytes()) == 1
    check(graphs, model)


def test_other_weights_of_the_same_shape_stay_apart() -> None:
    near = WEIGHTS[0].copy()
    near[1, 7] = np.nextafter(near[1, 7], np.inf)
    graphs = {"one": [("MUL", WEIGHTS[0])], "two": [("MUL", near)]}
    model = merge_graphs({name: chain(*steps) for name, steps in graphs.items()})
    assert constants(model) == [WEIGHTS[0].tobytes(), near.tobytes()]
    check(graphs, model)


STEPS = st.lists(st.tuples(st.sampled_from(["MUL", "ADD"]), st.sampled_from([0, 1, 2])), min_size=1, max_size=3)


@settings(max_examples=20, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=4))
def test_any_graphs(plans: list[list[tuple[str, int]]]) -> None:
    graphs = {f"g{i}": [(kind, WEIGHTS[weight]) for kind, weight in plan] for i, plan in enumerate(plans)}
    model = merge_graphs({name: chain(*steps) for name, steps in graphs.items()})
    used = dict.fromkeys(weight for plan in plans for _, weight in plan)
    assert constants(model) == [WEIGHTS[weight].tobytes() for weight in used]
    check(graphs, model)


def test_signatures_have_the_graphs_names_and_keep_their_tensors() -> None:
    merged = read(merge_graphs({"b": chain(("MUL", WEIGHTS[0])), "a": chain(("CUMSUM", 1))}))
    assert [(s.signatureKey, s.subgraphIndex) for s in merged.signatureDefs] == [(b"b", 0), (b"a", 1)]
    assert [graph.name for graph in merged.subgraphs] == [b"b", b"a"]
    assert {(s.inputs[0].name, s.outputs[0].name) for s in merged.signatureDefs} == {(b"x", b"y")}
    assert [code.builtinCode for code in merged.operatorCodes] == [18, 128]


def test_operators_of_another_version_are_other_operators() -> None:
    newer = contents(("MUL", WEIGHTS[0]))
    newer.operatorCodes[0].version = 2
    merged = read(merge_graphs({"old": chain(("MUL", WEIGHTS[0])), "new": model_bytes(newer)}))
    assert [code.version for code in merged.operatorCodes] == [1, 2]
    assert [graph.operators[0].opcodeIndex for graph in merged.subgraphs] == [0, 1]


def test_the_newest_of_the_runtimes_that_graphs_need_is_noted() -> None:
    needs = {"1.14.0": "old", "2.3.0": "new", "1.5.0": "older"}
    graphs = {name: chain(("MUL", WEIGHTS[0]), least_runtime=need) for need, name in needs.items()}
    merged = read(merge_graphs(graphs))
    (note,) = merged.metadata
    assert note.name == b"min_runtime_version"
    assert bytes(merged.buffers[note.buffer].data).rstrip(b"\0") == b"2.3.0"
    assert not read(merge_graphs({"one": chain(("MUL", WEIGHTS[0]))})).metadata


def test_weights_are_aligned_whatever_lies_between() -> None:
    odd = [("MUL", np.float32(2)), ("ADD", WEIGHTS[0][0]), ("CUMSUM", 1)]
    model = merge_graphs({"x" * length: chain(*odd, ("MUL", WEIGHTS[length % 3])) for length in range(1, 6)})
    start = np.frombuffer(model, np.uint8).ctypes.data
    buffers = [schema.Model.GetRootAs(model).Buffers(number) for number in range(1, 7)]
    assert [(buffer.DataAsNumpy().ctypes.data - start) % 16 for buffer in buffers] == [0] * 6


def test_equal_graphs_give_equal_bytes() -> None:
    graphs = {name: chain(("MUL", WEIGHTS[i]), ("ADD", WEIGHTS[0])) for i, name in enumerate("abc")}
    assert merge_graphs(graphs) == merge_graphs(dict(graphs))
    assert merge_graphs(graphs) != merge_graphs(dict(reversed(graphs.items())))


def test_what_cannot_be_merged_is_named() -> None:
    twice = merge_graphs({"one": chain(("MUL", WEIGHTS[0])), "two": chain(("MUL", WEIGHTS[1]))})
    with pytest.raises(ConversionError, match="'loop' has 2 subgraphs and 2 signatures"):
        merge_graphs({"loop": twice})
    nameless = contents(("MUL", WEIGHTS[0]))
    nameless.signatureDefs = None
    with pytest.raises(ConversionError, match="'plain' has 1 subgraphs and 0 signatures"):
        merge_graphs({"plain": model_bytes(nameless)})
    with pytest.raises(ConversionError, match="no graphs"):
        merge_graphs({})


@pytest.mark.parametrize("name", ["litert-fp32", "litert-int8"])
def test_a_targets_graphs_share_their_weights(name: str, lowered: Lowered) -> None:
    graphs, _ = lowered(name)
    (model,) = {id(model): model for model in graphs.values()}.values()
    assert list(graphs) == [graph.name for graph in SPEC.graphs()]
    runtime = LiteRtRuntime(threads=1)
    assert all(runtime.load(graph, model).placement.complete for graph in SPEC.graphs())
    detect, _, track = read(model).subgraphs
    stems = [{t.buffer for t in graph.tensors if list(t.shape or []) == [8, 3, 3, 3]} for graph in (detect, track)]
    assert stems[0] == stems[1]
    assert len(stems[0]) == 1
