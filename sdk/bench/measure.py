"""Measuring one case in this process."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from densepose_mobile.bench.case import Case, Effort, Measurement
from densepose_mobile.bench.machine import peak_memory_mib
from densepose_mobile.bench.pictures import FRAME_MS, pan
from densepose_mobile.bundle import Bundle
from densepose_mobile.errors import BundleError
from densepose_mobile.imaging import load_image
from densepose_mobile.options import Options
from densepose_mobile.predictor import DensePose, Mode
from densepose_mobile.results import DensePoseResult
from densepose_mobile.runtime import Graph, with_runtime

__all__ = ["measure"]


def measure(case: Case, pictures: Sequence[Path], effort: Effort) -> Measurement:
    """Load what the case names and time its calls; OpenCV is held to the case's threads from here on.

    pictures: files, of no concern to a graph. Raises DensePoseError where the case cannot run.
    """
    cv2.setNumThreads(case.threads)
    base = peak_memory_mib()
    calls: Iterator[tuple[str, Callable[[], Any]]]
    started = time.perf_counter()
    if case.graph is not None:
        backend, graph = _load_graph(case, case.graph)
        ready = time.perf_counter()
        calls = _graph_calls(graph, effort)
    else:
        model = DensePose.load(case.model, case.backend, Options(threads=case.threads))
        backend = model.backend
        ready = time.perf_counter()
        calls = _looks(model, case.mode or "", pictures, effort)
    first, ms, cpu_ms, people = _timed(calls, effort)
    peak = peak_memory_mib()  # before the placement is asked for, which may open graphs once more
    placement = model.placement if case.graph is None else {case.graph: graph.placement}
    return Measurement(
        backend,
        {name: str(place) for name, place in placement.items()},
        [name for name, place in placement.items() if place.elsewhere],
        (ready - started) * 1e3,
        first,
        ms,
        cpu_ms,
        people,
        base,
        peak,
    )


def _timed(
    calls: Iterator[tuple[str, Callable[[], Any]]], effort: Effort
) -> tuple[float, dict[str, list[float]], list[float], dict[str, int]]:
    """Milliseconds of the first call of all; of each timed call by stage and of the processor; people by picture."""
    first = None
    ms: dict[str, list[float]] = {}
    cpu_ms: list[float] = []
    people: dict[str, int] = {}
    for number, (picture, call) in enumerate(calls):
        cpu, start = time.process_time(), time.perf_counter()
        outcome = call()
        spent, cpu = (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3
        first = spent if first is None else first
        if isinstance(outcome, DensePoseResult):
            people[picture] = len(outcome)
        if number % (effort.warmup + effort.repeats) < effort.warmup:
            continue
        stages = outcome.timings if isinstance(outcome, DensePoseResult) else {}
        for stage, value in {**stages, "total": spent}.items():
            ms.setdefault(stage, []).append(value)
        cpu_ms.append(cpu)
    return first or 0.0, ms, cpu_ms, people


def _looks(
    model: DensePose, mode: str, pictures: Sequence[Path], effort: Effort
) -> Iterator[tuple[str, Callable[[], DensePoseResult]]]:
    """Each picture's name and its calls, warm-up first. What a call needs is made before it is timed."""
    count = effort.warmup + effort.repeats
    for path in pictures:
        if mode != "video":
            look = partial(model.predict, path, mode=cast(Mode, mode))
            yield from ((path.name, look) for _ in range(count))
            continue
        with model.video(color="rgb") as video:
            for number, frame in enumerate(pan(load_image(path), count)):
                yield path.name, partial(video, frame, number * FRAME_MS)


def _load_graph(case: Case, name: str) -> tuple[str, Graph]:
    bundle = Bundle.open(case.model)
    spec = next((graph for graph in bundle.spec.graphs() if graph.name == name), None)
    if spec is None:
        known = ", ".join(graph.name for graph in bundle.spec.graphs())
        raise BundleError(f"{case.model} has no graph {name!r}; it has {known}")
    data = bundle.graph(name)
    return with_runtime(
        bundle.manifest.family, lambda runtime: (runtime.name, runtime.load(spec, data)), case.backend, case.threads
    )


def _graph_calls(graph: Graph, effort: Effort) -> Iterator[tuple[str, Callable[[], Any]]]:
    rng = np.random.default_rng(0)
    inputs = [rng.random(tensor.shape, np.float32) for tensor in graph.spec.inputs]
    return ((graph.spec.name, partial(graph, *inputs)) for _ in range(effort.warmup + effort.repeats))
