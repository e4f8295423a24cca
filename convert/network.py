"""A student on its way to the targets: its graphs in torch, in float LiteRT, and made ready for int8."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn

from densepose_mobile.calibration.dataset import CalibrationSet
from densepose_mobile.calibration.inputs import GraphInputs, dense_inputs, detect_inputs, track_inputs
from densepose_mobile.calibration.statistics import Method, Range, collect_ranges
from densepose_mobile.cli.outputs import partial_file
from densepose_mobile.convert.coverage import coverage_of
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import record_activations
from densepose_mobile.convert.litert import to_litert
from densepose_mobile.convert.prepare import prepare_for_int8
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.runtime import Graph, Placement, open_runtime
from densepose_mobile.spec import GraphSpec, ModelSpec
from densepose_mobile.train.models.graphs import graph_module
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student, save_student

__all__ = ["Network", "Pictures", "Quantisation", "TorchGraph", "calls_of", "file_sha256"]

Pictures = Callable[[], Iterator[NDArray[np.uint8]]]
"""Gives (H, W, 3) uint8 RGB pictures from the beginning, each time it is called."""

_CONVERTERS: Final = ("litert-torch", "litert-converter")


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


class TorchGraph:
    """A module of a graph as a function of arrays: the reference of every target."""

    def __init__(self, spec: GraphSpec, module: nn.Module) -> None:
        self.spec = spec
        self.placement = Placement("torch", ("torch",), (), None)
        self._module = module

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run; see `runtime.Graph`."""
        with torch.inference_mode():
            return tuple(output.numpy() for output in self._module(*(torch.from_numpy(array) for array in inputs)))


@dataclass(frozen=True)
class Network:
    """A student, the file that it was read from, and what some targets need besides.

    cache: folder in which float LiteRT graphs and weights made ready for int8 are kept by the checkpoint's hash, since
    they take minutes to make. Its files are written whole or not at all; OutputError where it does not take them.
    """

    student: Student
    checkpoint: Path
    cache: Path
    quantisation: Quantisation | None = None
    version: str = ""  # of the model
    atlas_id: str = ""
    _float: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def spec(self) -> ModelSpec:
        """Sizes of the model's tensors."""
        return self.student.spec

    @cached_property
    def sha256(self) -> str:
        """Of the checkpoint, in hex."""
        return file_sha256(self.checkpoint)

    def module(self, graph: GraphSpec) -> nn.Module:
        """The graph in torch."""
        return graph_module(self.student, graph)

    def reference(self, graph: GraphSpec) -> TorchGraph:
        """The graph in torch, to run."""
        return TorchGraph(graph, self.module(graph))

    def notes(self) -> dict[str, str]:
        """The spec and the atlas as plain text, for formats that hold metadata of their own."""
        spec = {
            key: " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            for key, value in asdict(self.spec).items()
        }
        return {"atlas_id": self.atlas_id, **spec}

    def float_graph(self, graph: GraphSpec) -> bytes:
        """The graph in float32 for LiteRT, verified to lie on one delegate."""
        if graph.name not in self._float:
            folder = self.cache / _key(self.sha256, repr(self.spec), *(version(tool) for tool in _CONVERTERS))
            path = folder / f"{graph.name}.tflite"
            if not path.is_file():
                model = to_litert(self.module(graph), graph)
                coverage_of("litert", graph.name, model).require_whole(graph.name)
                _keep(path, lambda partial: partial.write_bytes(model))
            self._float[graph.name] = path.read_bytes()
        return self._float[graph.name]

    @cached_property
    def rounded(self) -> "Network":
        """The network with weights made ready for int8; itself, where the quantisation refits none.

        Raises:
            InputError: without a quantisation.
        """
        quantisation = self.required_quantisation()
        if not quantisation.refit:
            return self
        parts = (self.sha256, quantisation.calibration.id, str(quantisation.refit), str(quantisation.seed))
        path = self.cache / f"{_key(*parts)}.safetensors"
        if not path.is_file():
            pictures = quantisation.calibration
            ready = prepare_for_int8(
                self.student, lambda: iter(pictures), self._detect(), quantisation.refit, quantisation.seed
            )
            _keep(path, lambda partial: save_student(partial, ready, {}))
        return replace(self, student=load_student(path)[0], checkpoint=path, _float={})

    def ranges(self, graph: GraphSpec) -> dict[str, Range]:
        """Ranges of the activations of a float graph on the calibration set.

        Raises:
            InputError: without a quantisation. ConversionError: the calibration set does not reach the graph.
        """
        quantisation = self.required_quantisation()
        calls = calls_of(self.spec, graph, lambda: iter(quantisation.calibration), self._detect(), quantisation.seed)
        try:
            return collect_ranges(record_activations(self.float_graph(graph), calls), quantisation.method)
        except InputError as error:
            raise ConversionError(f"graph {graph.name!r} cannot be calibrated: {error}") from error

    def required_quantisation(self) -> Quantisation:
        """Raises InputError where there is none."""
        if self.quantisation is None:
            raise InputError(
                "int8 needs --calibration DIR, a set of pictures that `densepose-mobile calibrate` has chosen"
            )
        return self.quantisation

    def _detect(self) -> Graph:
        detect = self.spec.detect()
        return open_runtime("litert", threads=1).load(detect, self.float_graph(detect))


def calls_of(
    spec: ModelSpec, graph: GraphSpec, pictures: Pictures, detect: Graph, seed: int = 0
) -> Iterator[GraphInputs]:
    """Inputs of a graph from pictures. detect: the float graph, which says where the people are."""
    kind, _, rois = graph.name.partition("_")
    if kind == "detect":
        return detect_inputs(spec, pictures())
    if kind == "track":
        return track_inputs(spec, pictures(), detect, seed=seed)
    return dense_inputs(spec, pictures(), detect, int(rois), max(spec.roi_batches), seed)


def file_sha256(path: Path) -> str:
    """sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _keep(path: Path, write: Callable[[Path], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_file(path) as partial:
            write(partial)
    except (OSError, SafetensorError) as error:  # safetensors has its own name for a full disk
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write {path} ({reason}): free some room, or choose another --cache") from error
