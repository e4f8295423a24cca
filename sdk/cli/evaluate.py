"""`densepose-mobile evaluate`: a bundle measured on annotated people, with intervals, beside trivial predictors."""

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from densepose_mobile import Options
from densepose_mobile.atlas import Atlas
from densepose_mobile.bundle import DEFAULT_BUNDLE, Bundle
from densepose_mobile.cli.measure import (
    MODEL,
    look_of_file,
    look_of_model,
    measure_pictures,
    pictures_there,
    read_scores,
)
from densepose_mobile.cli.outputs import prepare_folder, write_atomically
from densepose_mobile.cli.predict import load_model
from densepose_mobile.cli.results_file import command_line, header, model_card, write_results
from densepose_mobile.cli.slices import slice_tables
from densepose_mobile.errors import InputError
from densepose_mobile.metrics import (
    BASELINES,
    MEASURES,
    Difference,
    EvaluationOptions,
    EvaluationReport,
    TruthPicture,
    compare,
    read_coco,
    require_same_pictures,
    summarise,
)
from densepose_mobile.metrics.bootstrap import RESAMPLES
from densepose_mobile.metrics.challenge import challenge_entries
from densepose_mobile.metrics.coco_ap import CocoJudge
from densepose_mobile.metrics.ranking import RankedPicture
from densepose_mobile.metrics.similarity import Geodesics
from densepose_mobile.metrics.slices import slice_report, slices_json
from densepose_mobile.metrics.tables import DistanceTable
from densepose_mobile.metrics.tracks import TRACK_MEASURES, TrackJudge
from densepose_mobile.predictor import Mode
from densepose_mobile.results import DensePoseResult

__all__ = ["app"]

app = typer.Typer()

_log = logging.getLogger(__name__)

_NAMED: Final = 20  # annotations and pictures left out that are logged one by one
_FILE_WIDTH: Final = 160  # characters of the table when stdout is not a terminal


@app.command()
def evaluate(
    context: typer.Context,
    annotations: Path = typer.Argument(..., help="COCO person file: instances, keypoints or DensePose points."),
    images: Path | None = typer.Option(None, "--images", help="Folder of the pictures that the file names."),
    results: Path | None = typer.Option(
        None, "--results", help="Instead of a model: predictions in the format of the DensePose challenge, JSON."
    ),
    save_results: Path | None = typer.Option(None, "--save-results", help="Write the predictions in that format."),
    keypoints: Path | None = typer.Option(None, "--keypoints", help="COCO keypoint file of the same pictures."),
    subset: str | None = typer.Option(None, "--subset", help='Only the pictures of one split, such as "val2017".'),
    model: str = typer.Option(DEFAULT_BUNDLE, "--model", "-m", help="A bundle: path, or the name of a shipped one."),
    backend: str = typer.Option("auto", "--backend", "-b", help="Runtime, as `densepose-mobile info` lists them."),
    mode: Mode = typer.Option("balanced", "--mode", help="How much time to spend on a picture."),
    score: float = typer.Option(Options.score, "--score", min=0.0, max=1.0, help="Least score of a person."),
    rank_score: float | None = typer.Option(
        None, "--rank-score", min=0.0, max=1.0, help="Least score of what average precision ranks; that of --score."
    ),
    threads: int = typer.Option(2, "--threads", min=1, help="Threads of the runtime."),
    baseline: list[str] = typer.Option(
        ["constant-uv"], "--baseline", help=f"Trivial predictor to measure beside: {', '.join(BASELINES)}. Repeatable."
    ),
    distances: Path | None = typer.Option(
        None, "--distances", help="Table of geodesic distances (.npz) of the annotations' own charts, instead of ours."
    ),
    coco_ap: bool = typer.Option(
        False, "--coco-ap", help="Average precision of boxes, masks and keypoints by pycocotools (extra: eval)."
    ),
    tracks: bool = typer.Option(
        False, "--tracks", help="Measures of people followed through videos, of --results with track_id (extra: eval)."
    ),
    min_area: float = typer.Option(96.0**2, "--min-area", min=0.0, help="px², people with larger boxes are measured."),
    slices: bool = typer.Option(
        False, "--slices", help="Measures by size in the picture, truncation, body and skin, of annotations that tell."
    ),
    limit: int | None = typer.Option(None, "--limit", min=1, help="Only the first pictures."),
    seed: int = typer.Option(0, "--seed", help="Of the bootstrap."),
    resamples: int = typer.Option(RESAMPLES, "--resamples", min=10, help="Of the bootstrap."),
    out: Path | None = typer.Option(None, "--out", "-o", help="Results file, JSON."),
    per_picture: Path | None = typer.Option(None, "--per-picture", help="File of each picture's scores, JSON lines."),
    against: Path | None = typer.Option(None, "--against", help="Another model's --per-picture file, to compare with."),
) -> None:
    """Measure a bundle, or a file of predictions, on annotated people.

    Prints every measure with its 95 % interval (bootstrap by picture), the trivial predictors beside it, and what is
    better than they are. People with a box area above 96² px are measured; crowds and smaller people are ignored.
    """
    unknown = [name for name in baseline if name not in BASELINES]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(BASELINES)}", param_hint="--baseline")
    if (images is None) == (results is None):
        raise typer.BadParameter("give the pictures that a model is to look at, or --results", param_hint="--images")
    for path in filter(None, (save_results, per_picture, out)):
        prepare_folder(path.parent)
    file = read_coco(annotations, keypoints, subset)
    pictures: Sequence[TruthPicture] = file.pictures[:limit]
    if not pictures:
        of = f" of subset {subset}" if subset else ""
        raise InputError(f"{annotations} lists no picture{of}; check the file" + (" and --subset" if subset else ""))
    absent: Sequence[str] = ()
    if images is not None:
        pictures, absent = pictures_there(pictures, images)
    names = {picture.file_name for picture in pictures}
    left_out = [str(entry) for entry in file.left_out if entry.picture in names]
    left_out += [f"picture {name} is not in --images" for name in absent]
    for reason in left_out[:_NAMED]:
        _log.warning("left out: %s", reason)
    if len(left_out) > _NAMED:
        _log.warning("left out: %d more, named by --out FILE", len(left_out) - _NAMED)
    other = None if against is None else read_scores(against)
    if other is not None:
        require_same_pictures([picture.file_name for picture in pictures], [score.file_name for score in other])
    atlas = Atlas.load()
    geodesics: Geodesics = atlas if distances is None else DistanceTable.load(distances, atlas)
    if images is not None:
        card = model_card(model)
        if card["atlas"] != atlas.id:
            _log.warning(
                "%s predicts on charts of atlas %s; distances are measured on %s", model, card["atlas"], atlas.id
            )
        ranker = None if rank_score is None else load_model(model, backend, Options(score=rank_score, threads=threads))
        predictor = load_model(model, backend, Options(score=score, threads=threads))
        look = look_of_model(predictor, ranker, images, mode)
    else:
        assert results is not None
        card = {"results": results.name, "sha256": _sha256(results)}
        look = look_of_file(results, pictures, score, score if rank_score is None else rank_score)
    entries: list[dict[str, Any]] = []
    judge = CocoJudge(geodesics) if coco_ap else None
    track_judge = TrackJudge() if tracks else None

    def keep(picture: TruthPicture, everyone: DensePoseResult, ranked: RankedPicture | None) -> None:
        if track_judge is not None:
            track_judge.add(picture, everyone, ranked)
        if save_results is not None:
            entries.extend(challenge_entries(picture.id, everyone))
        if judge is not None:
            judge.add(picture, everyone)

    scores = measure_pictures(
        look,
        pictures,
        geodesics,
        baseline,
        EvaluationOptions(min_box_area=min_area),
        keep,
    )
    if save_results is not None:
        write_atomically(save_results, json.dumps(entries).encode())
    reports = {name: summarise(rows, seed, resamples) for name, rows in scores.items()}
    versus = {name: compare(scores[MODEL], scores[name], seed, resamples) for name in baseline}
    if other is not None:
        versus["against"] = compare(scores[MODEL], other, seed, resamples)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    console.print(_table(reports, versus))
    precisions = {} if judge is None else {kind: judge.precision(kind) for kind in judge.kinds}
    for kind, figures in precisions.items():
        console.print(f"{kind}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    followed = {} if track_judge is None else track_judge.measures()
    for name, value in followed.items():
        console.print(f"{TRACK_MEASURES[name]}: {value:.3f}".removesuffix(".000"))
    input_side = Bundle.open(model).spec.detect_size if slices else 0
    sliced = slice_report(scores[MODEL], input_side, seed, resamples) if slices else {}
    for table in slice_tables(sliced):
        console.print(table)
    if per_picture is not None:
        lines = [json.dumps(row.to_json()) for row in scores[MODEL]]
        write_atomically(per_picture, ("\n".join(lines) + "\n").encode())
    if out is not None:
        data = {"annotations": annotations.name, "sha256": _sha256(annotations), "subset": subset, "limit": limit}
        content = {
            **header(command_line(context)),
            "model": card,
            "options": {
                "mode": None if results else mode,
                "score": score,
                "rank_score": rank_score,
                "min_box_area": min_area,
            },
            "data": {
                **data,
                "pictures": reports[MODEL].pictures,
                "people": reports[MODEL].people,
                "left_out": left_out,
            },
            "report": reports[MODEL].to_json(),
            "baselines": {name: reports[name].to_json() for name in baseline},
            "differences": {
                name: {measure: gap.to_json() for measure, gap in gaps.items()} for name, gaps in versus.items()
            },
        }
        if precisions:
            content["coco"] = {kind: _plain(figures) for kind, figures in precisions.items()}
        if slices:
            content["slices"] = {"input_side": input_side, "by": slices_json(sliced)}
        if followed:
            content["tracks"] = _plain(followed)
        if distances is not None:
            content["distances"] = {"file": distances.name, "sha256": _sha256(distances)}
        if against is not None:
            content["against"] = {"file": against.name, "sha256": _sha256(against)}
        write_results(out, content)


def _table(reports: Mapping[str, EvaluationReport], versus: Mapping[str, Mapping[str, Difference]]) -> Table:
    ours = reports[MODEL]
    table = Table(title=f"{ours.people} people in {ours.pictures} pictures, 95 % intervals by picture")
    table.add_column("measure")
    table.add_column("of", justify="right")
    table.add_column("model", no_wrap=True)
    for name in reports:
        if name != MODEL:
            table.add_column(name, no_wrap=True)
    for name in versus:
        table.add_column(f"model - {name}" if name != "against" else "model - other", no_wrap=True)
    for name, measure in ours.measures.items():
        others = [str(report.measures.get(name, "")) for key, report in reports.items() if key != MODEL]
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


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else round(value, 4) for name, value in figures.items()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
