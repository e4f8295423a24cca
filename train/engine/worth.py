"""What training data is worth: the same short recipe on each, with several seeds, measured on the same pictures.

    python -m densepose_mobile.train.engine.worth train/recipes/probe.yaml \\
        --data v1=runs/data/probe/plain --data v2=runs/data/probe/v2 \\
        --photos train/recipes/photos_train.json --photo-images ../shared/assets/photos_train \\
        --synthetic runs/eval/synthetic/annotations.json --synthetic-images runs/eval/synthetic/images \\
        --runs runs/probe --out results/data_ingredients.json

The people's boxes are given, in training and in measuring: what is compared are the dense maps, which a short run
teaches enough to tell data apart. Runs and measurements that are there already are not made again, so that it may be
stopped at any time. A difference is that of the means over seeds, paired by picture, against the data that is named
first.
"""

import json
import logging
import shlex
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer

from densepose_mobile.atlas import Atlas
from densepose_mobile.cli.measure import measure_pictures, read_scores
from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import PictureScore, TruthPicture, compare, read_coco, summarise
from densepose_mobile.results import DensePoseResult
from densepose_mobile.train.data.shards import read_manifest
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME
from densepose_mobile.train.engine.given_boxes import CropNetwork, look_at, true_boxes
from densepose_mobile.train.engine.recipe import Recipe, load_recipe
from densepose_mobile.train.engine.task import STUDENT_NAME
from densepose_mobile.train.engine.trainer import RunPaths, train
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student

__all__ = ["judge", "merge_seeds", "table"]

_log = logging.getLogger(__name__)

_MEASURES: Final = (
    "mask_iou", "keypoint_agreement", "limb_agreement", "swap_rate", "keypoint_gps", "gps", "gpsm",
)  # fmt: skip


def merge_seeds(runs: Sequence[Sequence[PictureScore]]) -> list[PictureScore]:
    """The sums of the same pictures over runs, as if each picture had been looked at by all of them."""
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for score in (score for run in runs for score in run):
        for name, (above, below) in score.sums.items():
            sums[score.file_name][name][0] += above
            sums[score.file_name][name][1] += below
    return [
        PictureScore(file, {name: (above, below) for name, (above, below) in measures.items()})
        for file, measures in sums.items()
    ]


def table(scores: Mapping[str, Sequence[PictureScore]]) -> dict[str, Any]:
    """Measures of each data, and what it has more than the first: value, low, high."""
    first = next(iter(scores.values()))
    rows: dict[str, Any] = {}
    for name, own in scores.items():
        measures = summarise(own).measures
        gaps = compare(own, first)
        rows[name] = {
            measure: {
                "value": round(measures[measure].value, 4),
                "low": round(measures[measure].low, 4),
                "high": round(measures[measure].high, 4),
                **({"more": gaps[measure].to_json()} if own is not first and measure in gaps else {}),
            }
            for measure in _MEASURES
            if measure in measures
        }
    return rows


def judge(network: CropNetwork, pictures: Sequence[TruthPicture], images: Path, atlas: Atlas) -> list[PictureScore]:
    """Scores of a network's dense maps in the true boxes of annotated pictures."""

    def look(picture: TruthPicture) -> tuple[DensePoseResult, DensePoseResult]:
        result = look_at(network, load_image(images / picture.file_name), true_boxes(picture))
        return result, result

    return measure_pictures(look, pictures, atlas)["model"]


def _student(recipe: Recipe, data: Path, out: Path) -> Student:
    """Train, or go on, or take what is there."""
    steps = recipe.optimisation.max_steps
    if (out / STUDENT_NAME).is_file() and load_student(out / STUDENT_NAME)[1]["step"] >= steps:
        return load_student(out / STUDENT_NAME)[0]
    _log.info("%s: %d steps", out, steps)
    train(recipe, RunPaths(data, out), resume=(out / CHECKPOINT_NAME).is_file())
    return load_student(out / STUDENT_NAME)[0]


def _main(
    recipe: Path = typer.Argument(..., help="Recipe of every run; its seed is counted up."),
    data: list[str] = typer.Option(..., help="NAME=FOLDER of shards; the first is what the others are compared with."),
    photos: Path = typer.Option(..., help="COCO file of annotated photos that no run was trained on."),
    photo_images: Path = typer.Option(..., help="Folder of those photos."),
    synthetic: Path = typer.Option(..., help="COCO file of held-out rendered people."),
    synthetic_images: Path = typer.Option(..., help="Folder of their pictures."),
    runs: Path = typer.Option(..., help="Folder of the runs, one folder each."),
    out: Path = typer.Option(..., help="JSON file to write."),
    seeds: int = typer.Option(2, min=1),
    limit: int = typer.Option(400, min=1, help="Only the first pictures of the rendered people."),
) -> None:
    """Train and measure every data with every seed, and write the table."""
    folders = dict(entry.split("=", 1) for entry in data if "=" in entry)
    if len(folders) != len(data):
        raise InputError(f"--data {' '.join(data)}: give each as NAME=FOLDER, every name once")
    plan, atlas = load_recipe(recipe), Atlas.load()
    truths = {"photos": (read_coco(photos).pictures, photo_images)}
    truths["synthetic"] = (read_coco(synthetic).pictures[:limit], synthetic_images)
    scores: dict[str, dict[str, list[list[PictureScore]]]] = {kind: defaultdict(list) for kind in truths}
    for seed in range(plan.seed, plan.seed + seeds):
        for name, folder in folders.items():
            home = runs / f"{name}-{seed}"
            student = _student(replace(plan, seed=seed), Path(folder), home)
            for kind, (pictures, images) in truths.items():
                kept = home / f"{kind}.jsonl"
                if not kept.is_file():
                    lines = [json.dumps(score.to_json()) for score in judge(student.eval(), pictures, images, atlas)]
                    write_atomically(kept, ("\n".join(lines) + "\n").encode())
                scores[kind][name].append(read_scores(kept))
    made_of = {
        name: {"without": manifest.without, "seed": manifest.seed}
        for name, manifest in ((name, read_manifest(Path(folder))) for name, folder in folders.items())
    }
    words = ["python", "-m", "densepose_mobile.train.engine.worth", *sys.argv[1:]]
    content = {"recipe": recipe.name, "steps": plan.optimisation.max_steps, "seeds": seeds, "data": made_of}
    content |= {kind: table({name: merge_seeds(own) for name, own in by.items()}) for kind, by in scores.items()}
    write_results(out, {**header(shlex.join(words)), **content})
    typer.echo(out.read_text())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    typer.run(_main)
