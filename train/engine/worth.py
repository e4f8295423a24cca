"""What training data is worth: the same short recipe on each, with several seeds, measured on the same pictures.

    python -m densepose_mobile.train.engine.worth train/recipes/probe.yaml \\
        --data v1=runs/data/probe/plain --data v2=runs/data/probe/v2 \\
        --photos train/recipes/photos_train.json --photo-images ../shared/assets/photos_train \\
        --synthetic runs/eval/synthetic/annotations.json --synthetic-images runs/eval/synthetic/images \\
        --runs runs/probe --out results/data_ingredients.json

Annotated photos may be compared in place of shards, or beside them, each with the dense labels that belong to it:
--annotated points=coco/annotations.json:coco/images --annotated dense=coco/annotations.json:coco/images:runs/dense

Ways to teach may be compared on the same shards, each with a recipe of its own, with or without a teacher and photos:

    python -m densepose_mobile.train.engine.worth --data probe=runs/data/probe/v2 \\
        --run none=train/recipes/probe_distill.yaml \\
        --run rendered=train/recipes/probe_distill.yaml:runs/base/student.safetensors \\
        --run photos=train/recipes/probe_distill.yaml:runs/base/student.safetensors:PHOTOS.json:FOLDER ...

With --begin runs/probe/v1-{seed}/student.safetensors all go on from the same weights of a run before them.

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
from dataclasses import dataclass, replace
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
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.dense_labels import DenseIndex, file_hash
from densepose_mobile.train.data.shards import read_manifest
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME
from densepose_mobile.train.engine.given_boxes import CropNetwork, look_at, true_boxes
from densepose_mobile.train.engine.recipe import Recipe, load_recipe
from densepose_mobile.train.engine.task import STUDENT_NAME
from densepose_mobile.train.engine.trainer import RunPaths, train
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student

__all__ = [
    "TrainingData",
    "annotated_data",
    "judge",
    "merge_seeds",
    "refuse_seen",
    "rendered_data",
    "table",
    "taught_data",
]

_log = logging.getLogger(__name__)

_MEASURES: Final = (
    "mask_iou", "keypoint_agreement", "limb_agreement", "swap_rate", "keypoint_gps", "gps", "gpsm",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingData:
    """What some runs are trained on: shards, annotated photos, or both; and by whom, if anybody teaches.

    recipe: of these runs alone, in place of the table's.
    """

    shards: Path | None = None
    photos: AnnotatedPhotos | None = None
    teacher: Path | None = None
    recipe: Path | None = None

    def describe(self) -> dict[str, Any]:
        """What the table says of it. Raises InputError where it is not there."""
        about: dict[str, Any] = {}
        if self.shards is not None:
            manifest = read_manifest(self.shards)
            about |= {"without": manifest.without, "seed": manifest.seed}
        if self.photos is not None:
            about["annotations"] = file_hash(self.photos.annotations)
            if self.photos.dense is not None:
                index = DenseIndex.read(self.photos.dense)
                about["dense"] = {"made_by": index.made_by, "people": len(index.people), "agreement": index.agreement}
        if self.recipe is not None:
            about["recipe"] = load_recipe(self.recipe).name
        if self.teacher is not None:
            about["teacher"] = {"file": self.teacher.name, "sha256": file_hash(self.teacher)}
        return about


def rendered_data(entries: Sequence[str]) -> dict[str, TrainingData]:
    """Of entries NAME=FOLDER of shards. Raises InputError for what is written otherwise."""
    return {name: TrainingData(shards=Path(folder)) for name, folder in _named(entries, "NAME=FOLDER").items()}


def annotated_data(entries: Sequence[str]) -> dict[str, TrainingData]:
    """Of entries NAME=ANNOTATIONS:IMAGES or NAME=ANNOTATIONS:IMAGES:DENSE. Raises InputError otherwise."""
    layout = "NAME=ANNOTATIONS:IMAGES[:DENSE]"
    data: dict[str, TrainingData] = {}
    for name, value in _named(entries, layout).items():
        places = value.split(":")
        if len(places) not in (2, 3) or not all(places):
            raise InputError(f"{name}={value}: give it as {layout}")
        annotations, images, *dense = map(Path, places)
        data[name] = TrainingData(photos=AnnotatedPhotos(annotations, images, dense[0] if dense else None))
    return data


def taught_data(entries: Sequence[str], shards: Path) -> dict[str, TrainingData]:
    """Of entries NAME=RECIPE, NAME=RECIPE:TEACHER or NAME=RECIPE:TEACHER:ANNOTATIONS:IMAGES; no TEACHER is none.

    Raises InputError for what is written otherwise.
    """
    layout = "NAME=RECIPE[:TEACHER[:ANNOTATIONS:IMAGES]]"
    data: dict[str, TrainingData] = {}
    for name, value in _named(entries, layout).items():
        recipe, *places = value.split(":")
        if not recipe or len(places) not in (0, 1, 3) or not all(places[1:]):
            raise InputError(f"{name}={value}: give it as {layout}")
        teacher = Path(places[0]) if places and places[0] else None
        photos = AnnotatedPhotos(Path(places[1]), Path(places[2])) if places[1:] else None
        data[name] = TrainingData(shards, photos, teacher, Path(recipe))
    return data


def _named(entries: Sequence[str], layout: str) -> dict[str, str]:
    named = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    if len(named) != len(entries):
        raise InputError(f"{' '.join(entries)}: give each as {layout}, every name once")
    return named


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


def refuse_seen(kinds: Mapping[str, TrainingData], pictures: Sequence[TruthPicture], images: Path) -> None:
    """Raise InputError when a photo that is measured is one that some run is trained on."""
    measured = {picture.file_name for picture in pictures}
    for name, own in kinds.items():
        if own.photos is not None and own.photos.images.resolve() == images.resolve():
            seen = measured.intersection(picture.file_name for picture in read_coco(own.photos.annotations).pictures)
            if seen:
                raise InputError(f"{name} is trained on {len(seen)} of the measured photos, such as {min(seen)}")


def _kinds(data: Sequence[str], annotated: Sequence[str], run: Sequence[str]) -> dict[str, TrainingData]:
    rendered, photographed = rendered_data(data), annotated_data(annotated)
    if run:
        if len(rendered) != 1 or photographed:
            raise InputError(f"--run compares ways to teach on the shards of one --data, not of {len(data)}")
        (only,) = rendered.values()
        assert only.shards is not None
        return taught_data(run, only.shards)
    both = rendered.keys() & photographed.keys()
    if both or not (rendered or photographed):
        raise InputError(f"{', '.join(sorted(both)) or 'nothing'} is named: give each data a name of its own")
    return rendered | photographed


def _plans(kinds: Mapping[str, TrainingData], recipe: Path | None) -> dict[str, Recipe]:
    plans: dict[str, Recipe] = {}
    for name, own in kinds.items():
        path = own.recipe or recipe
        if path is None:
            raise InputError(f"{name} has no recipe: give one before the options, or compare with --run")
        plans[name] = load_recipe(path)
    lengths = {(plan.optimisation.max_steps, plan.batch.whole, plan.batch.crops) for plan in plans.values()}
    if len(lengths) > 1:
        raise InputError(f"runs of unequal length are not compared: steps, whole pictures, crops are {sorted(lengths)}")
    return plans


def _student(recipe: Recipe, data: TrainingData, out: Path, begin: Path | None) -> Student:
    """Train, or go on, or take what is there. begin: weights to start from."""
    steps = recipe.optimisation.max_steps
    if (out / STUDENT_NAME).is_file() and load_student(out / STUDENT_NAME)[1]["step"] >= steps:
        return load_student(out / STUDENT_NAME)[0]
    _log.info("%s: %d steps", out, steps)
    paths = RunPaths(data.shards, out, photos=data.photos, teacher=data.teacher, init=begin)
    train(recipe, paths, resume=(out / CHECKPOINT_NAME).is_file())
    return load_student(out / STUDENT_NAME)[0]


def _main(
    recipe: Path | None = typer.Argument(None, help="Recipe of every run; its seed is counted up. None with --run."),
    photos: Path = typer.Option(..., help="COCO file of annotated photos that no run was trained on."),
    photo_images: Path = typer.Option(..., help="Folder of those photos."),
    synthetic: Path = typer.Option(..., help="COCO file of held-out rendered people."),
    synthetic_images: Path = typer.Option(..., help="Folder of their pictures."),
    runs: Path = typer.Option(..., help="Folder of the runs, one folder each."),
    out: Path = typer.Option(..., help="JSON file to write."),
    data: list[str] | None = typer.Option(
        None, help="NAME=FOLDER of shards; the first is what the others are held to."
    ),
    annotated: list[str] | None = typer.Option(
        None, help="NAME=ANNOTATIONS:IMAGES, or NAME=ANNOTATIONS:IMAGES:DENSE with dense labels; after every --data."
    ),
    run: list[str] | None = typer.Option(
        None,
        help="NAME=RECIPE[:TEACHER[:ANNOTATIONS:IMAGES]] on the shards of the one --data, in its place. Repeatable.",
    ),
    subset: str | None = typer.Option(None, help='Only the photos of one split, such as "train2017".'),
    begin: str | None = typer.Option(None, help="Weights that the runs begin with; {seed} stands for their seed."),
    seeds: int = typer.Option(2, min=1),
    limit: int = typer.Option(400, min=1, help="Only the first pictures of the rendered people."),
) -> None:
    """Train and measure every data with every seed, and write the table."""
    kinds = _kinds(data or (), annotated or (), run or ())
    plans = _plans(kinds, recipe)
    made_of = {name: own.describe() for name, own in kinds.items()}
    atlas = Atlas.load()
    truths = {"photos": (read_coco(photos, subset=subset).pictures, photo_images)}
    refuse_seen(kinds, *truths["photos"])
    truths["synthetic"] = (read_coco(synthetic).pictures[:limit], synthetic_images)
    scores: dict[str, dict[str, list[list[PictureScore]]]] = {kind: defaultdict(list) for kind in truths}
    begun: dict[int, Path] = {}
    for turn in range(seeds):
        for name, own in kinds.items():
            plan = replace(plans[name], seed=plans[name].seed + turn)
            home = runs / f"{name}-{plan.seed}"
            if begin is not None:
                begun[plan.seed] = Path(begin.replace("{seed}", str(plan.seed)))
            student = _student(plan, own, home, begun.get(plan.seed))
            for kind, (pictures, images) in truths.items():
                kept = home / f"{kind}.jsonl"
                if not kept.is_file():
                    lines = [json.dumps(score.to_json()) for score in judge(student.eval(), pictures, images, atlas)]
                    write_atomically(kept, ("\n".join(lines) + "\n").encode())
                scores[kind][name].append(read_scores(kept))
    words = ["python", "-m", "densepose_mobile.train.engine.worth", *sys.argv[1:]]
    first = next(iter(plans.values()))
    content = {"recipe": first.name, "steps": first.optimisation.max_steps, "seeds": seeds, "data": made_of}
    if begun:
        content["begun_from"] = {seed: file_hash(weights) for seed, weights in begun.items()}
    content |= {kind: table({name: merge_seeds(runs) for name, runs in by.items()}) for kind, by in scores.items()}
    write_results(out, {**header(shlex.join(words)), **content})
    typer.echo(out.read_text())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    typer.run(_main)
