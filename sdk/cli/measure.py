"""What `evaluate` measures: a model's predictions of annotated pictures, or predictions that were written before."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from densepose_mobile import DensePose
from densepose_mobile.cli.predict import clean_errors
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import (
    BASELINES,
    EvaluationOptions,
    PictureScore,
    TruthPicture,
    missing_pictures,
    rank_picture,
    score_picture,
)
from densepose_mobile.metrics.challenge import read_challenge
from densepose_mobile.metrics.ranking import RankedPicture
from densepose_mobile.metrics.similarity import Geodesics
from densepose_mobile.predictor import Mode
from densepose_mobile.results import DensePoseResult

__all__ = ["MODEL", "Look", "look_of_file", "look_of_model", "measure_pictures", "pictures_there", "read_scores"]

MODEL: Final = "model"
"""Name of what is measured, beside those of the baselines."""

Look = Callable[[TruthPicture], tuple[DensePoseResult, DensePoseResult]]
"""A picture's people at the working point, and those with a lower score besides, for average precision."""


def look_of_model(predictor: DensePose, ranker: DensePose | None, folder: Path, mode: Mode) -> Look:
    """Predict the pictures of a folder. ranker: the same model with a low least score; None for the same people."""

    def look(picture: TruthPicture) -> tuple[DensePoseResult, DensePoseResult]:
        path = folder / picture.file_name
        with clean_errors(path):
            rgb = load_image(path)
            result = predictor.predict(rgb, mode=mode)
            return result, result if ranker is None else ranker.predict(rgb, mode=mode)

    return look


def look_of_file(path: Path, pictures: Sequence[TruthPicture], score: float, rank_score: float) -> Look:
    """Take the pictures' people from a file in the public challenge's format. Raises InputError."""
    results = read_challenge(path, pictures)
    return lambda picture: (results[picture.id].filter(score), results[picture.id].filter(rank_score))


def measure_pictures(
    look: Look,
    pictures: Sequence[TruthPicture],
    atlas: Geodesics,
    baselines: Sequence[str] = (),
    options: EvaluationOptions | None = None,
    keep: Callable[[TruthPicture, DensePoseResult, RankedPicture | None], None] = lambda *_: None,
) -> dict[str, list[PictureScore]]:
    """Look at each picture and score it, with a bar on stderr. Average precision needs surface points.

    keep: is given everybody that was ranked, and their likeness to the people by GPSm, where there are surface points.

    Returns the scores by predictor: "model", then each baseline. Raises InputError that names the picture.
    """
    ranked = any(person.points is not None for picture in pictures for person in picture.people)
    scores: dict[str, list[PictureScore]] = {name: [] for name in (MODEL, *baselines)}
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        for picture in bar.track(pictures, description="pictures"):
            result, everyone = look(picture)
            for name, rows in scores.items():
                change = BASELINES.get(name, _unchanged)
                score = score_picture(change(result), picture, atlas, options)
                if ranked:
                    score = replace(score, ranked=rank_picture(change(everyone), picture, atlas))
                rows.append(score)
            keep(picture, everyone, scores[MODEL][-1].ranked.get("gpsm"))
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


def pictures_there(pictures: Sequence[TruthPicture], folder: Path) -> tuple[Sequence[TruthPicture], Sequence[str]]:
    """The pictures that are in the folder, and the names of those that are not. Raises InputError when none is."""
    missing = set(missing_pictures(pictures, folder))
    there = [picture for picture in pictures if picture.file_name not in missing]
    if not there:
        raise InputError(
            f"none of {len(pictures)} pictures is in {folder} (first: {pictures[0].file_name}); "
            "give --images the folder that holds them"
        )
    return there, sorted(missing)
