"""ExecuTorch: its one pool of threads, its delegates, and what a program file says of them."""

import gc
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.executorch import ExecuTorchRuntime
from densepose_mobile.runtime.pte import read_parts
from densepose_mobile.spec import GraphSpec

Model = Callable[[str], bytes]
pytest.importorskip("executorch")


def test_threads_are_not_changed_under_an_open_graph(
    model: Model, graph_spec: GraphSpec, graph_inputs: tuple[NDArray[np.float32], ...]
) -> None:
    from executorch.extension.pybindings import portable_lib

    gc.collect()
    graph = ExecuTorchRuntime(threads=1).load(graph_spec, model("executorch"))
    assert portable_lib._threadpool_get_thread_count() == 1
    other = ExecuTorchRuntime(threads=2)
    with pytest.raises(BackendUnavailable, match=r"1 open ExecuTorch graphs .* use 1 threads.*ask for threads=1"):
        other.load(graph_spec, model("executorch"))
    graph(*graph_inputs)
    del graph
    gc.collect()
    other.load(graph_spec, model("executorch"))(*graph_inputs)
    assert portable_lib._threadpool_get_thread_count() == 2


def test_operators_off_the_delegate_are_named(model: Model, graph_spec: GraphSpec) -> None:
    parts = read_parts(model("executorch"))
    assert set(parts.delegates) == {"XnnpackBackend"}
    placement = ExecuTorchRuntime().load(graph_spec, model("executorch")).placement
    assert placement.elsewhere == parts.operators
    assert placement.requested == "XnnpackBackend"
    assert ("portable kernels" in placement.used) == bool(parts.operators)


def test_a_program_for_another_device_names_what_is_missing(model: Model, graph_spec: GraphSpec) -> None:
    program = model("executorch-coreml")
    assert set(read_parts(program).delegates) == {"CoreMLBackend"}
    with pytest.raises(BackendUnavailable, match=r"'dense_2' was lowered to CoreMLBackend.*it has .*XnnpackBackend"):
        ExecuTorchRuntime().load(graph_spec, program)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_programs_raise_nothing_else(model: Model, data: st.DataObject) -> None:
    program = bytearray(model("executorch"))
    for _ in range(data.draw(st.integers(1, 8))):
        program[data.draw(st.integers(8, len(program) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(program)))
    with suppress(BundleError):
        read_parts(bytes(program[:cut]))
