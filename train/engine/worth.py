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
        --run rendered=train/recipes/probe_distill.yaml:train/recipes/small.safetensors \\
        --run photos=train/recipes/probe_distill.yaml:train/recipes/small.safetensors:PHOTOS.json:FOLDER ...

With --begin runs/probe/v1-{seed}/student.safetensors all go on from the same weights of a run before them, which stand
in the table as `before`.

Where a recipe has no whole pictures, the people's boxes are given, in training and in measuring: what is compared are
the dense maps, which a short run teaches enough to tell data apart. Runs and measurements that are there already are
not made again, so that it may be stopped at any time; a run of another recipe or other data is refused. A difference is
that of the means over seeds, paired by picture, against the data that is named first.
"""

import hashlib
import json
import logging
import shlex
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import typer

from densepose_mobile.atlas import Atlas
from densepose_mobile.cli.main import run_module
from densepose_mobile.cli.measure import measure_pictures, read_scores
from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import PictureScore, TruthPicture, compare, read_coco, summarise
from densepose_mobile.options import Options
from densepose_mobile.results import DensePoseResult
from densepose_mobile.train.data.dense_labels import file_hash
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME
from densepose_mobile.train.engine.contenders import TrainingData, compared_data, equal_plans, refuse_seen
from densepose_mobile.train.engine.given_boxes import look_at, true_boxes
from densepose_mobile.train.engine.predicting import network_predictor
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.engine.task import STUDENT_NAME
from densepose_mobile.train.engine.trainer import RunPaths, train
from densepose_mobile.train.models.graphs import GraphNetwork
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student

__all__ = ["judge", "merge_seeds", "table"]

_log = logging.getLogger(__name__)

_MEASURES: Final = (
    "recall", "false_positives", "mask_iou", "keypoint_agreement", "limb_agreement", "swap_rate", "keypoint_gps",
    "gps", "gpsm",
)  # fmt: skip

_PLAN: Final = "plan.json"
"""In the folder of a run: recipe, data and first weights that it is made of."""

_BEFORE: Final = "before"
"""Row of the weights that runs begin with."""


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


def judge(
    network: GraphNetwork, pictures: Sequence[TruthPicture], images: Path, atlas: Atlas, finds: bool
) -> list[PictureScore]:
    """Scores on annotated pictures: of all that the network does, or where it finds nobody, of maps in true boxes."""
    predict = network_predictor(network, Options()).predict

    def look(picture: TruthPicture) -> tuple[DensePoseResult, DensePoseResult]:
        rgb = load_image(images / picture.file_name)
        result = predict(rgb) if finds else look_at(network, rgb, true_boxes(picture))
        return result, result

    return measure_pictures(look, pictures, atlas)["model"]


def _student(recipe: Recipe, data: TrainingData, out: Path, begin: Path | None) -> Student:
    """Train, or go on, or take what is there. begin: weights to start from.

    Raises InputError for a folder that holds a run of another recipe, other data or other weights to begin with.
    """
    made_of = {
        "recipe": asdict(recipe),
        "data": data.describe(),
        "begin": None if begin is None else file_hash(begin),
    }
    plan = (json.dumps(made_of, indent=2) + "\n").encode()
    if out.exists() and any(out.iterdir()) and not ((out / _PLAN).is_file() and (out / _PLAN).read_bytes() == plan):
        raise InputError(f"{out} holds a run of another recipe or other data: name another folder with --runs")
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / _PLAN, plan)
    steps = recipe.optimisation.max_steps
    if (out / STUDENT_NAME).is_file() and load_student(out / STUDENT_NAME)[1]["step"] >= steps:
        return load_student(out / STUDENT_NAME)[0]
    _log.info("%s: %d steps", out, steps)
    paths = RunPaths(data.shards, out, photos=data.photos, teacher=data.teacher, init=begin)
    train(recipe, paths, resume=(out / CHECKPOINT_NAME).is_file())
    return load_student(out / STUDENT_NAME)[0]


@dataclass(frozen=True)
class _Truth:
    """Annotated pictures, their folder, and sha256 of the annotation file."""

    pictures: Sequence[TruthPicture]
    images: Path
    sha256: str

    @classmethod
    def read(cls, annotations: Path, images: Path, subset: str | None = None, limit: int | None = None) -> "_Truth":
        return cls(read_coco(annotations, subset=subset).pictures[:limit], images, file_hash(annotations))

    def mark(self, finds: bool) -> str:
        """Of what is asked, for the name of a file that holds the answer."""
        names = [picture.file_name for picture in self.pictures]
        return hashlib.sha256(json.dumps([self.sha256, names, finds]).encode()).hexdigest()[:12]


def _measured(
    student: Student, truths: Mapping[str, _Truth], atlas: Atlas, finds: bool, home: Path
) -> dict[str, list[PictureScore]]:
    """`judge` on every kind of truth, or what it said before of the same, as it is kept in the folder of the run."""
    home.mkdir(parents=True, exist_ok=True)
    scores: dict[str, list[PictureScore]] = {}
    for kind, truth in truths.items():
        kept = home / f"{kind}-{truth.mark(finds)}.jsonl"
        if not kept.is_file():
            judged = judge(student.eval(), truth.pictures, truth.images, atlas, finds)
            write_atomically(kept, ("\n".join(json.dumps(score.to_json()) for score in judged) + "\n").encode())
        scores[kind] = read_scores(kept)
    return scores


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
    kinds = compared_data(data or (), annotated or (), run or ())
    plans = equal_plans(kinds, recipe)
    made_of = {name: own.describe() for name, own in kinds.items()}
    atlas = Atlas.load()
    truths = {"photos": _Truth.read(photos, photo_images, subset)}
    refuse_seen(kinds, truths["photos"].pictures, photo_images)
    truths["synthetic"] = _Truth.read(synthetic, synthetic_images, limit=limit)
    scores: dict[str, dict[str, list[list[PictureScore]]]] = {kind: defaultdict(list) for kind in truths}
    begun: dict[int, Path] = {}
    for turn in range(seeds):
        for name, own in kinds.items():
            plan = replace(plans[name], seed=plans[name].seed + turn)
            home = runs / f"{name}-{plan.seed}"
            if begin is not None:
                begun[plan.seed] = Path(begin.replace("{seed}", str(plan.seed)))
            student = _student(plan, own, home, begun.get(plan.seed))
            for kind, judged in _measured(student, truths, atlas, plan.batch.whole > 0, home).items():
                scores[kind][name].append(judged)
    first = next(iter(plans.values()))
    for weights in dict.fromkeys(begun.values()):
        home = runs / f"{_BEFORE}-{file_hash(weights)[:16]}"
        for kind, judged in _measured(load_student(weights)[0], truths, atlas, first.batch.whole > 0, home).items():
            scores[kind][_BEFORE].append(judged)
    words = ["python", "-m", "densepose_mobile.train.engine.worth", *sys.argv[1:]]
    content = {"recipe": first.name, "steps": first.optimisation.max_steps, "seeds": seeds, "data": made_of}
    if begun:
        content["begun_from"] = {seed: file_hash(weights) for seed, weights in begun.items()}
    content |= {kind: table({name: merge_seeds(runs) for name, runs in by.items()}) for kind, by in scores.items()}
    write_results(out, {**header(shlex.join(words)), **content})
    typer.echo(out.read_text())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    run_module(_main)
