"""How long the evaluator takes: predictions made by chance, measured on people made by chance.

    python -m densepose_mobile.metrics.speed --out results/evaluator_speed.json

Pictures are of 640 x 480 px with three annotated people of 100 surface points each; some predictions lie on them, the
others anywhere. U and V lie well within the charts, as those of a trained model nearly always do: what lies beyond an
outline takes longer. Making the pictures is not timed.
"""

import shlex
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.cli.main import run_module
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.metrics.pairing import rank_picture
from densepose_mobile.metrics.report import summarise
from densepose_mobile.metrics.score import PictureScore, score_picture
from densepose_mobile.metrics.similarity import Geodesics
from densepose_mobile.metrics.truth import SurfacePoints, TruthPerson, TruthPicture
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["chance_picture", "evaluator_seconds"]

_WIDTH: Final = 640
_HEIGHT: Final = 480
_PEOPLE: Final = 3
_POINTS: Final = 100


def chance_picture(rng: np.random.Generator, index: int, detections: int) -> tuple[DensePoseResult, TruthPicture]:
    """A picture's predictions and its people."""
    people = []
    for number in range(_PEOPLE):
        box = _box(rng)
        mask = np.zeros((_HEIGHT, _WIDTH), bool)
        rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
        mask[rows, columns] = _ellipse(box)
        y, x = np.nonzero(mask)
        chosen = rng.integers(len(y), size=_POINTS)
        points = SurfacePoints(
            np.stack([x[chosen], y[chosen]], 1).astype(np.float32) + 0.5,
            rng.integers(1, NUM_PARTS + 1, _POINTS).astype(np.uint8),
            _on_charts(rng, (2, _POINTS)),
        )
        joints = np.column_stack([x[chosen[:17]], y[chosen[:17]], np.full(17, 2)]).astype(np.float32)
        people.append(TruthPerson.from_mask(_PEOPLE * index + number, mask, points=points, keypoints=joints))
    found = [_guess(rng, people[n].box.astype(int) if n < _PEOPLE else _box(rng)) for n in range(detections)]
    found.sort(key=lambda person: -person.score)
    picture = TruthPicture(index, f"{index}.jpg", _HEIGHT, _WIDTH, tuple(people))
    return DensePoseResult(tuple(found), _HEIGHT, _WIDTH), picture


def evaluator_seconds(pictures: int, detections: int, atlas: Geodesics, seed: int = 0) -> dict[str, float]:
    """Seconds of scoring and ranking all pictures, and of the summary with its intervals."""
    rng = np.random.default_rng(seed)
    scores = []
    spent = 0.0
    for index in range(pictures):
        result, picture = chance_picture(rng, index, detections)
        start = time.perf_counter()
        score = score_picture(result, picture, atlas)
        ranked = rank_picture(result, picture, atlas)
        spent += time.perf_counter() - start
        scores.append(
            PictureScore(score.file_name, score.sums, score.point_confidence, score.keypoint_confidence, ranked)
        )
    start = time.perf_counter()
    summarise(scores)
    return {"pictures": round(spent, 1), "summary": round(time.perf_counter() - start, 1)}


def _on_charts(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return rng.random(shape, np.float32) * np.float32(0.4) + np.float32(0.3)


def _box(rng: np.random.Generator) -> NDArray[np.intp]:
    size = rng.integers((60, 120), (200, 400))
    corner = rng.integers((0, 0), np.array([_WIDTH, _HEIGHT]) - size)
    return np.concatenate([corner, corner + size])


def _ellipse(box: NDArray[np.integer]) -> NDArray[np.bool_]:
    width, height = int(box[2] - box[0]), int(box[3] - box[1])
    x, y = (np.linspace(-1, 1, count) for count in (width, height))
    return np.asarray(np.square(x)[None] + np.square(y)[:, None] <= 1)


def _guess(rng: np.random.Generator, box: NDArray[np.integer]) -> Person:
    mask = _ellipse(box)
    part = np.where(mask, rng.integers(1, NUM_PARTS + 1, mask.shape), 0).astype(np.uint8)
    uv = _on_charts(rng, (2, *mask.shape)) * mask
    return Person(box.astype(np.float32), float(rng.random()), part, uv, mask.astype(np.float32))


def _main(
    out: Path = typer.Option(..., help="JSON file to write."),
    pictures: int = typer.Option(1500, min=1),
    detections: int = typer.Option(10, min=_PEOPLE),
) -> None:
    """Time the evaluator and write the figures."""
    seconds: dict[str, Any] = evaluator_seconds(pictures, detections, Atlas.load())
    words = ["python", "-m", "densepose_mobile.metrics.speed", "--out", str(out)]
    words += ["--pictures", str(pictures), "--detections", str(detections)]
    content = {"pictures": pictures, "detections": detections, "threads": 1, "seconds": seconds}
    write_results(out, {**header(shlex.join(words)), **content})
    typer.echo(out.read_text())


if __name__ == "__main__":
    run_module(_main)
