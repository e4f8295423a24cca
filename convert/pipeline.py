"""One target from beginning to end: graphs, where they lie, how close they are to torch, bundle, verification."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densepose_mobile.bundle import Bundle
from densepose_mobile.bundle.manifest import ONE_FILE
from densepose_mobile.bundle.writer import bundle_bytes
from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.convert.coverage import Coverage, coverage_of
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.golden import golden_arrays
from densepose_mobile.convert.manifest import build_manifest
from densepose_mobile.convert.merging import merge_graphs
from densepose_mobile.convert.network import Network, Pictures
from densepose_mobile.convert.parity import measure_parity
from densepose_mobile.convert.targets import Target
from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime import Graph, Runtime, open_runtime

__all__ = ["Converted", "convert_target", "load_graphs", "lower_graphs"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Converted:
    """A bundle that was written. run: the backend that ran its graphs here, or why none did."""

    run: str
    figures: dict[str, Any] = field(default_factory=dict)  # coverage and parity of each graph, parity of the chain


def convert_target(
    target: Target, network: Network, out: Path, name: str, header: Mapping[str, Any], pictures: Pictures | None
) -> Converted:
    """Write one bundle, or leave what was at `out`.

    name: of the model. header: of the checkpoint. pictures: for parity with torch; none is measured without.

    Raises:
        ConversionError: a graph cannot be expressed, does not lie wholly on its delegate, or computes something else.
        BackendUnavailable: the target's runtime does not open here, though it should.
        OutputError: the bundle cannot be written.
    """
    graphs, coverage = lower_graphs(target, network)
    figures: dict[str, Any] = {graph: {"coverage": covered.as_dict()} for graph, covered in coverage.items()}
    runtime, loaded, run = load_graphs(target, network, graphs)
    if loaded and pictures is not None:
        for graph, measured in measure_parity(network, loaded, pictures).items():
            figures[graph] = {**figures.get(graph, {}), **measured}
    # What torch computes is the truth for every float target. int8 may differ from it by more than machines do.
    references = {graph.name: network.reference(graph) for graph in network.spec.graphs()}
    golden = golden_arrays(network.spec, loaded if target.precision == "int8" else references)
    manifest = build_manifest(name, target, network, header, {"run": run, "graphs": figures})
    data, _ = bundle_bytes(manifest, graphs, golden)
    if runtime is not None:
        failed = [deviation for deviation in Bundle.open(data).verify(runtime) if not deviation.passed]
        if failed:
            worst = max(failed, key=lambda deviation: deviation.rms_error)
            raise ConversionError(
                f"graph {worst.graph!r} does not compute what the network does: {worst.output!r} has an rms error of "
                f"{worst.rms_error:.3g} where its rms is {worst.rms:.3g}; do not ship it, the converter has a defect"
            )
    write_atomically(out, data)
    return Converted(run, figures)


def lower_graphs(target: Target, network: Network) -> tuple[dict[str, bytes], dict[str, Coverage]]:
    """The model of every graph, by the graph's name, and where its operators lie.

    It is the same model for all graphs where the family has them in one file.

    Raises:
        ConversionError: a graph cannot be expressed or does not lie wholly on the target's delegate. InputError: int8
        without a calibration set.
    """
    graphs, coverage = {}, {}
    for graph in network.spec.graphs():
        graphs[graph.name] = target.lower(network, graph)
        covered = coverage_of(target.family, graph.name, graphs[graph.name])
        covered.require_whole(graph.name)
        _log.info("%s %s: %.2f MB, wholly on %s", target.name, graph.name, len(graphs[graph.name]) / 1e6, covered.on)
        coverage[graph.name] = covered
    if target.family in ONE_FILE:
        model = merge_graphs(graphs)
        _log.info("%s: %.2f MB with what the graphs share stored once", target.name, len(model) / 1e6)
        graphs = dict.fromkeys(graphs, model)
    return graphs, coverage


def load_graphs(
    target: Target, network: Network, graphs: Mapping[str, bytes]
) -> tuple[Runtime | None, dict[str, Graph], str]:
    """The runtime, its graphs by name, and its name; or nothing to run, and why, for a target of devices alone.

    Raises:
        BackendUnavailable: another target's runtime does not open here.
    """
    try:
        if target.backend is None:
            raise BackendUnavailable(f"no backend runs {target.family} graphs on this machine")
        runtime = open_runtime(target.family, target.backend, threads=1)
        loaded = {graph.name: runtime.load(graph, graphs[graph.name]) for graph in network.spec.graphs()}
    except BackendUnavailable as error:
        if not target.device_only:
            raise
        _log.warning("%s: lowered, not run: %s", target.name, error)
        return None, {}, "lowered, not run"
    return runtime, loaded, runtime.name
