"""`densepose-mobile evaluate`: a bundle measured on annotated people, with intervals, beside trivial predictors."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from densepose_mobile import DensePose, Options
from densepose_mobile.atlas import Atlas
from densepose_mobile.bundle import DEFAULT_BUNDLE, Bundle, registered
from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.cli.predict import clean_errors, load_model
from densepose_mobile.cli.results_file import command_line, header, write_results
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import (
    BASELINES,
    MEASURES,
    Difference,
    EvaluationOptions,
    EvaluationReport,
    PictureScore,
    TruthPicture,
    compare,
    missing_pictures,
    rank_picture,
    read_coco,
    score_picture,
    summarise,
)
from densepose_mobile.metrics.bootstrap import RESAMPLES
from densepose_mobile.predictor import Mode
from densepose_mobile.results import DensePoseResult

__all__ = ["app", "measure_pictures", "read_scores"]

app = typer.Typer()

_log = logging.getLogger(__name__)

_OURS: Final = "model"
_NAMED: Final = 20  # annotations and pictures left out that are logged one by one
_FILE_WIDTH: Final = 160  # characters of the table when stdout is not a terminal


@app.command()
def evaluate(
    context: typer.Context,
    annotations: Path = typer.Argument(..., help="COCO person file: instances, keypoints or DensePose points."),
    images: Path = typer.Option(..., "--images", help="Folder of the pictures that the file names."),
    keypoints: Path | None = typer.Option(None, "--keypoints", help="COCO keypoint file of the same pictures."),
    subset: str | None = typer.Option(None, "--subset", help='Only the pictures of one split, such as "val2017".'),
    model: str = typer.Option(DEFAULT_BUNDLE, "--model", "-m", help="A bundle: path, or the name of a shipped one."),
    backend: str = typer.Option("auto", "--backend", "-b", help="Runtime, as `densepose-mobile info` lists them."),
    mode: Mode = typer.Option("balanced", "--mode", help="How much time to spend on a picture."),
    score: float = typer.Option(Options.score, "--score", min=0.0, max=1.0, help="Least score of a person."),
    rank_score: float = typer.Option(
        0.05, "--rank-score", min=0.0, max=1.0, help="Least score of what average precision ranks."
    ),
    threads: int = typer.Option(2, "--threads", min=1, help="Threads of the runtime."),
    baseline: list[str] = typer.Option(
        ["constant-uv"], "--baseline", help=f"Trivial predictor to measure beside: {', '.join(BASELINES)}. Repeatable."
    ),
    min_area: float = typer.Option(96.0**2, "--min-area", min=0.0, help="px², people with larger boxes are measured."),
    limit: int | None = typer.Option(None, "--limit", min=1, help="Only the first pictures."),
    seed: int = typer.Option(0, "--seed", help="Of the bootstrap."),
    resamples: int = typer.Option(RESAMPLES, "--resamples", min=10, help="Of the bootstrap."),
    out: Path | None = typer.Option(None, "--out", "-o", help="Results file, JSON."),
    per_picture: Path | None = typer.Option(None, "--per-picture", help="File of each picture's scores, JSON lines."),
    against: Path | None = typer.Option(None, "--against", help="Another model's --per-picture file, to compare with."),
) -> None:
    """Measure a bundle on annotated people.

    Prints every measure with its 95 % interval (bootstrap by picture), the trivial predictors beside it, and what is
    better than they are. People with a box area above 96² px are measured; crowds and smaller people are ignored.
    """
    unknown = [name for name in baseline if name not in BASELINES]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(BASELINES)}", param_hint="--baseline")
    file = read_coco(annotations, keypoints, subset)
    pictures, absent = _pictures_there(file.pictures[:limit], images, annotations, subset)
    names = {picture.file_name for picture in pictures}
    left_out = [str(entry) for entry in file.left_out if entry.picture in names]
    left_out += [f"picture {name} is not in {images.name}" for name in absent]
    for reason in left_out[:_NAMED]:
        _log.warning("left out: %s", reason)
    if len(left_out) > _NAMED:
        _log.warning("left out: %d more, named by --out FILE", len(left_out) - _NAMED)
    other = None if against is None else read_scores(against)
    predictor = load_model(model, backend, Options(score=score, threads=threads))
    ranked = any(person.points is not None for picture in pictures for person in picture.people)
    ranker = load_model(model, backend, Options(score=rank_score, threads=threads)) if ranked else None
    card, atlas = _model_card(model), Atlas.load()
    if card["atlas"] != atlas.id:
        _log.warning("%s predicts on charts of atlas %s; distances are measured on %s", model, card["atlas"], atlas.id)
    scores = measure_pictures(
        predictor, pictures, images, atlas, mode, baseline, EvaluationOptions(min_box_area=min_area), ranker
    )
    reports = {name: summarise(rows, seed, resamples) for name, rows in scores.items()}
    versus = {name: compare(scores[_OURS], scores[name], seed, resamples) for name in baseline}
    if other is not None:
        versus["against"] = compare(scores[_OURS], other, seed, resamples)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    console.print(_table(reports, versus))
    if per_picture is not None:
        lines = [json.dumps(row.to_json()) for row in scores[_OURS]]
        write_atomically(per_picture, ("\n".join(lines) + "\n").encode())
    if out is not None:
        data = {"annotations": annotations.name, "sha256": _sha256(annotations), "subset": subset, "limit": limit}
        content = {
            **header(command_line(context)),
            "model": card,
            "options": {"mode": mode, "score": score, "rank_score": rank_score, "min_box_area": min_area},
            "data": {
                **data,
                "pictures": reports[_OURS].pictures,
                "people": reports[_OURS].people,
                "left_out": left_out,
            },
            "report": reports[_OURS].to_json(),
            "baselines": {name: reports[name].to_json() for name in baseline},
            "differences": {
                name: {measure: gap.to_json() for measure, gap in gaps.items()} for name, gaps in versus.items()
            },
        }
        if against is not None:
            content["against"] = {"file": against.name, "sha256": _sha256(against)}
        write_results(out, content)


def measure_pictures(
    predictor: DensePose,
    pictures: Sequence[TruthPicture],
    folder: Path,
    atlas: Atlas,
    mode: Mode = "balanced",
    baselines: Sequence[str] = (),
    options: EvaluationOptions | None = None,
    ranker: DensePose | None = None,
) -> dict[str, list[PictureScore]]:
    """Predict each picture and score it, with a bar on stderr.

    ranker: the same model with a low least score, whose predictions are ranked for average precision.

    Returns the scores by predictor: "model", then each baseline. Raises InputError that names the picture.
    """
    scores: dict[str, list[PictureScore]] = {name: [] for name in (_OURS, *baselines)}
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        for picture in bar.track(pictures, description="pictures"):
            path = folder / picture.file_name
            with clean_errors(path):
                rgb = load_image(path)
                result = predictor.predict(rgb, mode=mode)
                everyone = None if ranker is None else ranker.predict(rgb, mode=mode)
            for name, rows in scores.items():
                change = BASELINES.get(name, _unchanged)
                score = score_picture(change(result), picture, atlas, options)
                if everyone is not None:
                    score = replace(score, ranked=rank_picture(change(everyone), picture, atlas))
                rows.append(score)
    return scores


def _unchanged(result: DensePoseResult) -> DensePoseResult:
    return result


def read_scores(path: Path) -> list[PictureScore]:
    """Scores that an earlier run wrote with --per-picture. Raises InputError that names the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise InputError(f"cannot read {path} ({error}); give a file written by --per-picture") from error
    scores = []
    for number, line in enumerate(lines, 1):
        try:
            scores.append(PictureScore.from_json(json.loads(line)))
        except ValueError as error:
            raise InputError(f"{path}, line {number} is no JSON; give a file written by --per-picture") from error
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}; give a file written by --per-picture") from error
    return scores


def _pictures_there(
    pictures: Sequence[TruthPicture], images: Path, annotations: Path, subset: str | None
) -> tuple[Sequence[TruthPicture], Sequence[str]]:
    """The pictures that are in the folder, and the names of those that are not."""
    if not pictures:
        of = f" of subset {subset}" if subset else ""
        raise InputError(f"{annotations} lists no picture{of}; check the file" + (" and --subset" if subset else ""))
    missing = set(missing_pictures(pictures, images))
    there = [picture for picture in pictures if picture.file_name not in missing]
    if not there:
        raise InputError(
            f"none of {len(pictures)} pictures is in {images} (first: {pictures[0].file_name}); "
            "give --images the folder that holds them"
        )
    return there, sorted(missing)


def _table(reports: Mapping[str, EvaluationReport], versus: Mapping[str, Mapping[str, Difference]]) -> Table:
    ours = reports[_OURS]
    table = Table(title=f"{ours.people} people in {ours.pictures} pictures, 95 % intervals by picture")
    table.add_column("measure")
    table.add_column("of", justify="right")
    table.add_column("model", no_wrap=True)
    for name in reports:
        if name != _OURS:
            table.add_column(name, no_wrap=True)
    for name in versus:
        table.add_column(f"model - {name}" if name != "against" else "model - other", no_wrap=True)
    for name, measure in ours.measures.items():
        others = [str(report.measures.get(name, "")) for key, report in reports.items() if key != _OURS]
        gaps = [str(gap[name]) if name in gap else "" for gap in versus.values()]
        table.add_row(
            MEASURES.get(name, name.replace("_", " ").upper()), f"{measure.count:.0f}", str(measure), *others, *gaps
        )
    for title, curves in (("points", ours.point_confidence), ("keypoints", ours.keypoint_confidence)):
        if curves is not None:
            count = str(curves.count)
            table.add_row(f"confidence at {title}: ECE", count, f"{curves.ece:.3f}")
            table.add_row("- AURC (risk of all)", count, f"{curves.aurc:.3f} ({curves.risk[-1]:.3f})")
    return table


def _model_card(model: str) -> dict[str, Any]:
    shipped = registered()
    data = shipped[model].read_bytes() if model in shipped else Path(model).read_bytes()
    manifest = Bundle.open(data).manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "target": manifest.target,
        "atlas": manifest.atlas_id,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
