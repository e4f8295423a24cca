"""Checkpoint -> float graphs -> quantised graphs, verified -> bundle."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from densepose_mobile.calibration.dataset import CalibrationSet
from densepose_mobile.calibration.inputs import GraphInputs, dense_inputs, detect_inputs, track_inputs
from densepose_mobile.calibration.statistics import Method, Range, collect_ranges
from densepose_mobile.convert.card import file_sha256
from densepose_mobile.convert.delegates import require_one_delegate
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import record_activations
from densepose_mobile.convert.litert import to_litert
from densepose_mobile.convert.parity import Runner, compare_graphs
from densepose_mobile.convert.prepare import prepare_for_int8
from densepose_mobile.convert.quantise import to_float16, to_int8
from densepose_mobile.errors import InputError
from densepose_mobile.runtime import Graph, open_runtime
from densepose_mobile.spec import GraphSpec, ModelSpec
from densepose_mobile.train.models.graphs import graph_module
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student, save_student

__all__ = ["PRECISIONS", "Quantisation", "calls_of", "convert_graphs", "float_graphs", "measure_parity", "torch_runner"]

_log = logging.getLogger(__name__)

PRECISIONS: Final = ("int8", "fp16", "fp32")

Pictures = Callable[[], Iterator[NDArray[np.uint8]]]
"""Gives (H, W, 3) uint8 RGB pictures from the beginning, each time it is called."""


@dataclass(frozen=True)
class Quantisation:
    """How a model is brought to int8. refit: pictures that weights are equalised and rounded on, 0 for neither."""

    calibration: CalibrationSet
    method: Method = "percentile"
    refit: int = 48
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """What the manifest says of it."""
        rounding = (
            f"channels equalised, layers refitted and rounded on {self.refit} pictures" if self.refit else "nearest"
        )
        return {
            "calibration": self.calibration.provenance(),
            "ranges": self.method,
            "rounding": rounding,
            "seed": self.seed,
        }

    def prepare(self, student: Student, checkpoint: Path, cache: Path) -> tuple[Student, Path]:
        """The student with weights ready for int8, and its file; kept in `cache`, since it takes minutes."""
        if not self.refit:
            return student, checkpoint
        parts = (file_sha256(checkpoint), self.calibration.id, str(self.refit), str(self.seed))
        path = cache / f"{_key(*parts)}.safetensors"
        if not path.is_file():
            floats = float_graphs(student, checkpoint, cache)
            detect = open_runtime("litert", threads=1).load(student.spec.detect(), floats["detect"])
            ready = prepare_for_int8(student, lambda: iter(self.calibration), detect, self.refit, self.seed)
            save_student(path, ready, {})
        return load_student(path)[0], path


def float_graphs(student: Student, checkpoint: Path, cache: Path) -> dict[str, bytes]:
    """Every graph in float32, verified, by name.

    cache: folder in which converted graphs are kept, by the checkpoint's hash and the converter's version, since each
    takes seconds to convert.
    """
    tools = (version("litert-torch"), version("litert-converter"))
    key = _key(file_sha256(checkpoint), repr(student.spec), *tools)
    folder = cache / key
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {}
    for graph in student.spec.graphs():
        path = folder / f"{graph.name}.tflite"
        if not path.is_file():
            model = to_litert(graph_module(student, graph), graph)
            require_one_delegate(graph.name, model)
            partial = path.with_name(path.name + ".partial")
            partial.write_bytes(model)
            partial.replace(path)
        graphs[graph.name] = path.read_bytes()
    return graphs


def convert_graphs(
    spec: ModelSpec, floats: Mapping[str, bytes], precision: str, quantisation: Quantisation | None
) -> dict[str, bytes]:
    """The graphs at a precision, each checked to lie wholly on one delegate.

    Raises:
        InputError: an unknown precision, or int8 without a calibration. ConversionError: a graph fails its checks.
    """
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: one of {', '.join(PRECISIONS)}")
    if precision == "int8" and quantisation is None:
        raise InputError("int8 needs --calibration DIR, a set of pictures that `densepose-mobile calibrate` has chosen")
    graphs = {}
    for graph in spec.graphs():
        model = floats[graph.name]
        if precision == "fp16":
            model = to_float16(model)
        elif precision == "int8" and quantisation is not None:
            ranges = _ranges(spec, graph, floats, quantisation)
            model = to_int8(model, ranges)
        counts = require_one_delegate(graph.name, model)
        total, megabytes = sum(counts.values()), len(model) / 1e6
        _log.info("%s %s: %.2f MB, %d operators on one delegate", graph.name, precision, megabytes, total)
        graphs[graph.name] = model
    return graphs


def calls_of(
    spec: ModelSpec, graph: GraphSpec, pictures: Pictures, detect: Graph, seed: int = 0
) -> Iterator[GraphInputs]:
    """Inputs of a graph from pictures. detect: the float graph."""
    kind, _, rois = graph.name.partition("_")
    if kind == "detect":
        return detect_inputs(spec, pictures())
    if kind == "track":
        return track_inputs(spec, pictures(), detect, seed=seed)
    return dense_inputs(spec, pictures(), detect, int(rois), max(spec.roi_batches), seed)


def torch_runner(module: nn.Module) -> Runner:
    """A module of a graph as a function of arrays."""

    def run(*arrays: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        with torch.inference_mode():
            return tuple(output.numpy() for output in module(*(torch.from_numpy(array) for array in arrays)))

    return run


def measure_parity(
    student: Student, floats: Mapping[str, bytes], graphs: Mapping[str, bytes], pictures: Pictures, seed: int = 1
) -> dict[str, Any]:
    """Every graph against the torch network on the same inputs, and the chain detect -> dense of either.

    In the chain each side's dense graph works on the features that its own detect graph gave, about the same boxes.
    """
    spec = student.spec
    runtime = open_runtime("litert", threads=1)
    reference = runtime.load(spec.detect(), floats["detect"])
    loaded = {graph.name: runtime.load(graph, graphs[graph.name]) for graph in spec.graphs()}
    runners = {graph.name: torch_runner(graph_module(student, graph)) for graph in spec.graphs()}
    figures = {}
    for graph in spec.graphs():
        calls = calls_of(spec, graph, pictures, reference, seed)
        parity = compare_graphs(spec, graph, runners[graph.name], loaded[graph.name], calls)
        figures[graph.name] = parity.as_dict()
        _log.info("%s: %s", graph.name, json.dumps(figures[graph.name]))
    figures["chain"] = _chain(spec, runners, loaded, pictures, reference, seed)
    _log.info("chain: %s", json.dumps(figures["chain"]))
    return figures


def _chain(
    spec: ModelSpec,
    runners: Mapping[str, Runner],
    loaded: Mapping[str, Runner],
    pictures: Pictures,
    detect: Graph,
    seed: int,
) -> dict[str, Any]:
    dense = spec.dense(max(spec.roi_batches))

    def chained(graphs: Mapping[str, Runner]) -> Runner:
        return lambda image, wy, wx: graphs[dense.name](graphs["detect"](image)[0], wy, wx)

    images, weights = detect_inputs(spec, pictures()), calls_of(spec, dense, pictures, detect, seed)
    calls = ((image, wy, wx) for (image,), (_, wy, wx) in zip(images, weights, strict=True))
    return compare_graphs(spec, dense, chained(runners), chained(loaded), calls).as_dict()


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _ranges(
    spec: ModelSpec, graph: GraphSpec, floats: Mapping[str, bytes], quantisation: Quantisation
) -> dict[str, Range]:
    detect = open_runtime("litert", threads=1).load(spec.detect(), floats["detect"])
    calls = calls_of(spec, graph, lambda: iter(quantisation.calibration), detect, quantisation.seed)
    try:
        return collect_ranges(record_activations(floats[graph.name], calls), quantisation.method)
    except InputError as error:
        raise ConversionError(f"graph {graph.name!r} cannot be calibrated: {error}") from error
