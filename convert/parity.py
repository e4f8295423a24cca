"""How close a converted graph is to the torch network: on its own inputs, and through the whole chain of graphs."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.calibration.inputs import GraphInputs, detect_inputs
from densepose_mobile.calibration.sensitivity import SqnrMeter
from densepose_mobile.convert.network import Network, Pictures, calls_of
from densepose_mobile.errors import InputError
from densepose_mobile.postprocess.decode import decode_boxes, sigmoid
from densepose_mobile.spec import MAP_OUTPUTS, GraphSpec, ModelSpec

__all__ = ["BoxMeter", "GraphParity", "MapMeter", "Runner", "compare_graphs", "measure_parity"]

_log = logging.getLogger(__name__)

Runner = Callable[..., tuple[NDArray[np.float32], ...]]
"""Anything that runs a graph: arrays in, arrays out, in the order of its spec."""

_SCORE = 0.3


@dataclass
class MapMeter:
    """Agreement of two sets of dense maps where the reference sees a person."""

    pixels: int = 0  # cells that either calls foreground
    agreeing: int = 0  # of these, both call it the same part, or both background
    same_part: int = 0
    uv_error: float = 0.0  # sum over same_part of (|du| + |dv|) / 2
    rois: int = 0

    def add(self, reference: Mapping[str, NDArray[np.float32]], other: Mapping[str, NDArray[np.float32]]) -> None:
        """Count (N, 56, 56, .) maps by name: foreground and parts logits, u and v in 0..1."""
        labels, others = _labels(reference), _labels(other)
        either = (labels > 0) | (others > 0)
        same = (labels == others) & (labels > 0)
        self.rois += len(labels)
        self.pixels += int(either.sum())
        self.agreeing += int(((labels == others) & either).sum())
        self.same_part += int(same.sum())
        channel = np.maximum(labels, 1)[..., None].astype(np.intp) - 1
        for name in ("u", "v"):
            a = np.take_along_axis(reference[name], channel, -1)[..., 0]
            b = np.take_along_axis(other[name], channel, -1)[..., 0]
            self.uv_error += float(np.abs(a - b)[same].sum()) / 2

    def as_dict(self) -> dict[str, Any]:
        """Rounded figures for a report; None where there was nobody. A person may fill several RoIs."""
        return {
            "rois": self.rois,
            "label_agreement": round(self.agreeing / self.pixels, 5) if self.pixels else None,
            "uv_mean_abs": round(self.uv_error / self.same_part, 5) if self.same_part else None,
        }


@dataclass
class BoxMeter:
    """Agreement of two sets of detections, location by location where the reference sees a person."""

    ious: list[float] = field(default_factory=list)
    score_errors: list[float] = field(default_factory=list)

    def add(
        self,
        spec: ModelSpec,
        reference: tuple[NDArray[np.float32], NDArray[np.float32]],
        other: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> None:
        """Count one picture: (scores (1, L, 1) logits, boxes (1, L, 4) distances) of either."""
        probability, others = sigmoid(reference[0][0, :, 0]), sigmoid(other[0][0, :, 0])
        rows = np.flatnonzero(probability > _SCORE)
        a, b = (decode_boxes(boxes[0], spec)[rows] for boxes in (reference[1], other[1]))
        shared = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(1)
        union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared
        self.ious += (shared / np.maximum(union, 1e-6)).tolist()
        self.score_errors += np.abs(probability - others)[rows].tolist()

    def as_dict(self) -> dict[str, Any]:
        """Rounded figures for a report; None where nothing was detected."""
        if not self.ious:
            return {"locations": 0, "box_iou_mean": None, "box_iou_p05": None, "score_mean_abs": None}
        return {
            "locations": len(self.ious),
            "box_iou_mean": round(float(np.mean(self.ious)), 4),
            "box_iou_p05": round(float(np.percentile(self.ious, 5)), 4),
            "score_mean_abs": round(float(np.mean(self.score_errors)), 4),
        }


@dataclass(frozen=True)
class GraphParity:
    """One graph against its reference. outputs: SQNR in dB and the greatest absolute difference of each."""

    graph: str
    calls: int
    outputs: Mapping[str, Mapping[str, float]]
    maps: Mapping[str, Any] | None
    boxes: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values: dict[str, Any] = {"calls": self.calls, "outputs": {k: dict(v) for k, v in self.outputs.items()}}
        for name, figures in (("maps", self.maps), ("boxes", self.boxes)):
            if figures is not None:
                values[name] = dict(figures)
        return values


def compare_graphs(
    spec: ModelSpec, graph: GraphSpec, reference: Runner, other: Runner, calls: Iterable[GraphInputs]
) -> GraphParity:
    """Run both on the same inputs and compare every output.

    Raises:
        InputError: no calls.
    """
    meters = {tensor.name: SqnrMeter() for tensor in graph.outputs}
    maps, boxes, count = MapMeter(), BoxMeter(), 0
    for arrays in calls:
        count += 1
        a = dict(zip(meters, reference(*arrays), strict=True))
        b = dict(zip(meters, other(*arrays), strict=True))
        for name, meter in meters.items():
            meter.add(a[name], b[name])
        if "parts" in meters:
            maps.add(a, b)
        if "scores" in meters:
            boxes.add(spec, (a["scores"], a["boxes"]), (b["scores"], b["boxes"]))
    if not count:
        raise InputError(f"nothing to compare graph {graph.name!r} on: give pictures")
    outputs = {
        name: {"sqnr_db": round(meter.db, 2), "max_abs": float(f"{meter.largest:.3g}")}
        for name, meter in meters.items()
    }
    return GraphParity(
        graph.name,
        count,
        outputs,
        maps.as_dict() if set(MAP_OUTPUTS) <= set(meters) else None,
        boxes.as_dict() if "scores" in meters else None,
    )


def measure_parity(
    network: Network, graphs: Mapping[str, Runner], pictures: Pictures, seed: int = 1
) -> dict[str, dict[str, Any]]:
    """Every graph against the torch network on the same inputs, and the chain detect -> dense of either, by name.

    graphs: ready to run, by name. In the chain each side's dense graph works on the features that its own detect graph
    gave, about the same boxes.
    """
    spec = network.spec
    references = {graph.name: network.reference(graph) for graph in spec.graphs()}
    detect = references["detect"]
    figures = {}
    for graph in spec.graphs():
        calls = calls_of(spec, graph, pictures, detect, seed)
        figures[graph.name] = compare_graphs(spec, graph, references[graph.name], graphs[graph.name], calls).as_dict()
        _log.info("%s: %s", graph.name, json.dumps(figures[graph.name]))
    dense = spec.dense(max(spec.roi_batches))

    def chained(side: Mapping[str, Runner]) -> Runner:
        return lambda image, wy, wx: side[dense.name](side["detect"](image)[0], wy, wx)

    images, weights = detect_inputs(spec, pictures()), calls_of(spec, dense, pictures, detect, seed)
    chain = ((image, wy, wx) for (image,), (_, wy, wx) in zip(images, weights, strict=True))
    figures["chain"] = compare_graphs(spec, dense, chained(references), chained(graphs), chain).as_dict()
    _log.info("chain: %s", json.dumps(figures["chain"]))
    return figures


def _labels(maps: Mapping[str, NDArray[np.float32]]) -> NDArray[np.intp]:
    """(N, 56, 56): part 1..24, 0 where the foreground is less likely than not."""
    return np.where(maps["foreground"][..., 0] > 0, maps["parts"].argmax(-1) + 1, 0)
