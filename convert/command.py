"""`densepose-mobile convert`: a checkpoint to a bundle of device graphs."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import typer
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.bundle import Bundle, write_bundle
from densepose_mobile.calibration.dataset import CalibrationSet
from densepose_mobile.calibration.pictures import PictureSources
from densepose_mobile.calibration.statistics import METHODS, Method
from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.cli.results_file import SCHEMA, command_line, write_results
from densepose_mobile.cli.results_file import header as results_header
from densepose_mobile.convert.card import build_manifest, model_card
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.golden import golden_arrays
from densepose_mobile.convert.pipeline import PRECISIONS, Quantisation, convert_graphs, float_graphs, measure_parity
from densepose_mobile.errors import InputError
from densepose_mobile.runtime import open_runtime
from densepose_mobile.train.models.weights import load_student

__all__ = ["app"]

_log = logging.getLogger(__name__)

app = typer.Typer()


@app.command()
def convert(
    context: typer.Context,
    checkpoint: Path = typer.Argument(..., help="Student weights, a .safetensors file."),
    out: Path = typer.Option(..., help="Bundle to write, NAME.dpm."),
    target: str = typer.Option("litert", help="Target family: litert."),
    precision: str = typer.Option("int8", help=f"One of {', '.join(PRECISIONS)}."),
    calibration: Path | None = typer.Option(None, help="Calibration set; needed for int8."),
    method: str = typer.Option("percentile", help=f"How ranges are chosen: {', '.join(METHODS)}."),
    refit: int = typer.Option(48, min=0, help="Pictures that weights are rounded on; 0 rounds to nearest."),
    seed: int = typer.Option(0, help="Seed of the calibration's RoIs and crops."),
    held_out: list[Path] = typer.Option([], help="Pictures or shards for parity; the calibration set if none."),
    held_out_limit: int = typer.Option(200, min=1, help="Pictures for parity, of each source."),
    report: Path | None = typer.Option(None, help="JSON file of the parity with torch; others' entries are kept."),
    card: Path | None = typer.Option(None, help="Model card to write, Markdown."),
    model_version: str = typer.Option("0.1.0", "--model-version", help="Version of the model."),
    cache: Path = typer.Option(Path("runs/convert"), help="Where converted float graphs are kept."),
) -> None:
    """Convert a student, verify every graph, compare it with torch, and write a bundle."""
    if target != "litert":
        raise InputError(f"unknown target {target!r}: this version converts to litert")
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    atlas_id = Atlas.load().id
    student, header = load_student(checkpoint)
    chosen = CalibrationSet.open(calibration) if calibration else None
    quantisation, ready, source = None, student, checkpoint
    if precision == "int8" and chosen is not None:
        quantisation = Quantisation(chosen, cast(Method, method), refit, seed)
        ready, source = quantisation.prepare(student, checkpoint, cache)
    floats = float_graphs(ready, source, cache)
    graphs = convert_graphs(student.spec, floats, precision, quantisation)

    parity: dict[str, Any] = {}
    if held_out or chosen:
        sources = PictureSources(tuple(held_out), limit=held_out_limit)

        def pictures() -> Iterator[NDArray[np.uint8]]:
            return (picture.rgb for picture in sources) if held_out else iter(chosen or ())

        on = [source.resolve().name for source in held_out] or "the calibration set"
        parity = {"pictures": on, **measure_parity(student, floats, graphs, pictures)}

    runtime = open_runtime("litert", threads=1)
    loaded = {graph.name: runtime.load(graph, graphs[graph.name]) for graph in student.spec.graphs()}
    manifest = build_manifest(
        out.stem,
        model_version,
        precision,
        student.spec,
        atlas_id,
        checkpoint,
        header,
        quantisation.as_dict() if quantisation else {},
        parity,
    )
    written = write_bundle(out, manifest, graphs, golden_arrays(student.spec, loaded))
    failed = [deviation for deviation in Bundle.open(out).verify(runtime) if not deviation.passed]
    if failed:
        raise ConversionError(f"{out} does not reproduce its golden outputs: {failed[0]}; this is a defect, report it")
    if report is not None:
        _merge(report, f"{out.stem} {written.target}", {**results_header(command_line(context)), **parity})
    if card is not None:
        text = model_card(written, {name: len(model) for name, model in graphs.items()})
        card.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(card, text.encode())
    typer.echo(json.dumps({"bundle": str(out), "target": written.target, "bytes": out.stat().st_size}))


def _merge(report: Path, key: str, figures: dict[str, Any]) -> None:
    try:
        known = json.loads(report.read_text()).get("bundles", {}) if report.is_file() else {}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{report} is no report of conversions ({error}): give another --report") from error
    write_results(report, {"schema": SCHEMA, "bundles": {**known, key: figures}})
