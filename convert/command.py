"""`densepose-mobile convert`: a checkpoint to bundles of device graphs, one a target."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import typer
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.bundle import BUNDLE_SUFFIX
from densepose_mobile.calibration.dataset import CalibrationSet
from densepose_mobile.calibration.pictures import PictureSources
from densepose_mobile.calibration.statistics import METHODS, Method
from densepose_mobile.cli.outputs import prepare_folder
from densepose_mobile.cli.results_file import SCHEMA, command_line, write_results
from densepose_mobile.cli.results_file import header as results_header
from densepose_mobile.convert.network import Network, Pictures, Quantisation
from densepose_mobile.convert.pipeline import Converted, convert_target
from densepose_mobile.convert.targets import ALL, TARGETS, choose_targets
from densepose_mobile.errors import DensePoseError, InputError, OutputError
from densepose_mobile.train.models.weights import load_student

__all__ = ["app"]

_log = logging.getLogger(__name__)

app = typer.Typer()


def _list_targets(wanted: bool) -> None:
    if not wanted:
        return
    for target in TARGETS.values():
        tools = ", ".join(f"{name} {number}" for name, number in target.versions().items())
        run = "run by its device" if target.device_only else f"run here by {target.backend or 'nothing'}"
        typer.echo(f"{target.name:<24}{target.runs_on}")
        typer.echo(f"{'':<24}{target.obstacle or f'from the extra {target.extra}: {tools}; {run}'}")
    raise typer.Exit


@app.command()
def convert(
    context: typer.Context,
    checkpoint: Path = typer.Argument(..., help="Student weights, a .safetensors file."),
    out: Path = typer.Option(..., help="Folder for the bundles, NAME-TARGET.dpm."),
    targets: str = typer.Option("litert-int8", help=f"{ALL}, or some of {', '.join(TARGETS)}; comma-separated."),
    name: str | None = typer.Option(None, help="Name of the model; the checkpoint's if none."),
    calibration: Path | None = typer.Option(None, help="Calibration set; needed for int8."),
    method: str = typer.Option("percentile", help=f"How ranges are chosen: {', '.join(METHODS)}."),
    refit: int = typer.Option(48, min=0, help="Pictures that weights are rounded on; 0 rounds to nearest."),
    seed: int = typer.Option(0, min=0, help="Seed of the calibration's RoIs and crops."),
    held_out: list[Path] = typer.Option([], help="Pictures or shards for parity; the calibration set if none."),
    held_out_limit: int = typer.Option(200, min=1, help="Pictures for parity, of each source."),
    report: Path | None = typer.Option(None, help="JSON file of the parity with torch; other targets' are kept."),
    model_version: str = typer.Option("0.1.0", "--model-version", help="Version of the model."),
    cache: Path = typer.Option(Path("runs/convert"), help="Where converted float graphs are kept."),
    list_targets: bool = typer.Option(
        False, "--list", is_eager=True, callback=_list_targets, help="Say what each target runs on and needs; leave."
    ),
) -> None:
    """Convert a student to bundles: verify every graph, compare it with torch, write one bundle a target.

    A target that fails is named; the others are written all the same, and the exit code is 1. So it is where a report
    cannot be written.
    """
    chosen = choose_targets(targets)
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    known = _read_report(report) if report is not None else {}
    student, header = load_student(checkpoint)
    prepare_folder(out)
    calibrated = CalibrationSet.open(calibration) if calibration else None
    quantisation = Quantisation(calibrated, cast(Method, method), refit, seed) if calibrated else None
    network = Network(student, checkpoint, cache, quantisation, model_version, Atlas.load().id)
    model = name or checkpoint.stem
    pictures = _pictures(held_out, held_out_limit, calibrated)
    on = [source.resolve().name for source in held_out] or "the calibration set"

    done: dict[str, Converted] = {}
    reported = True
    for target in chosen:
        path = out / f"{model}-{target.name}{BUNDLE_SUFFIX}"
        try:
            converted = convert_target(target, network, path, model, header, pictures)
        except DensePoseError as error:
            _log.error("%s failed: %s", target.name, error)
            continue
        done[target.name] = converted
        typer.echo(json.dumps({"bundle": str(path), "target": target.name, "bytes": path.stat().st_size}))
        known[target.name] = {
            **results_header(command_line(context)),
            "model": f"{model} {model_version}",
            "checkpoint_sha256": network.sha256,
            "tools": target.versions(),
            "run": converted.run,
            **({"pictures": on} if pictures is not None and "chain" in converted.figures else {}),
            "graphs": converted.figures,
        }
        if report is not None:
            try:
                write_results(report, {"schema": SCHEMA, "targets": _ordered(known)})
            except OutputError as error:  # the bundle stands, and the next one may
                _log.error("%s is written, its figures are not: %s", target.name, error)
                reported = False
    failed = [target.name for target in chosen if target.name not in done]
    if failed:
        _log.error("%d of %d targets failed: %s", len(failed), len(chosen), ", ".join(failed))
    if failed or not reported:
        raise typer.Exit(1)


def _pictures(held_out: list[Path], limit: int, calibrated: CalibrationSet | None) -> Pictures | None:
    if not held_out and calibrated is None:
        return None
    sources = PictureSources(tuple(held_out), limit=limit)

    def pictures() -> Iterator[NDArray[np.uint8]]:
        return (picture.rgb for picture in sources) if held_out else iter(calibrated or ())

    return pictures


def _read_report(report: Path) -> dict[str, Any]:
    """Figures by target that a report holds already; none where there is no report yet."""
    try:
        return dict(json.loads(report.read_text())["targets"]) if report.is_file() else {}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{report} is no report of conversions ({error}): give another --report") from error


def _ordered(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in sorted(figures, key=[*TARGETS, *figures].index)}
