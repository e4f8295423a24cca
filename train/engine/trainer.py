"""Putting a run together: recipe, data, task, and where it starts from."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import lightning
import torch

from densepose_mobile.atlas import Atlas
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.assets import asset_folder
from densepose_mobile.train.data.dataset import TrainingBatches
from densepose_mobile.train.data.dense_labels import file_hash
from densepose_mobile.train.data.folder import folder_labels
from densepose_mobile.train.data.looks import Place, Planner
from densepose_mobile.train.data.person_crops import CropStream, PersonCrops
from densepose_mobile.train.data.rounds import Rounds
from densepose_mobile.train.data.stream import PlannedStream, Stream
from densepose_mobile.train.engine.agreement import PointCheck
from densepose_mobile.train.engine.averaged import AveragedTask
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME, resume_place
from densepose_mobile.train.engine.distill import DistillTask
from densepose_mobile.train.engine.evaluation import Examiner, Findings
from densepose_mobile.train.engine.inpaint_task import InpaintTask
from densepose_mobile.train.engine.launch import Launch
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.photos import RealPhotos
from densepose_mobile.train.engine.recipe import Recipe, save_recipe
from densepose_mobile.train.engine.synthetic import evaluate_synthetic
from densepose_mobile.train.engine.task import StudentTask
from densepose_mobile.train.engine.teacher_task import TeacherTask
from densepose_mobile.train.engine.teachers import load_teacher
from densepose_mobile.train.losses.geodesics import RasterGeodesics

__all__ = ["JOURNAL_NAME", "RunPaths", "train"]

JOURNAL_NAME: Final = "rounds.jsonl"
"""Which shards the stream was made of, round by round: a resumed run reads them again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunPaths:
    """Where a run reads and writes."""

    data: Path | None  # folder of training shards, or of folders of them; may grow while training
    out: Path
    val: Path | None = None  # folder of held-out shards
    assets: Path | None = None
    init: Path | None = None  # weights of a whole network to start from instead of a pretrained backbone
    photos: AnnotatedPhotos | None = None  # mixed into the rendered pictures, or all there is without `data`
    backbone: Path | None = None  # pretrained backbone, if not the one among the assets
    teacher: Path | None = None  # weights of the network that a student learns from beside the annotations


def train(recipe: Recipe, paths: RunPaths, resume: bool, launch: Launch | None = None) -> None:
    """Train until the recipe's `max_steps`. launch: the processes that train together; torchrun's if not given.

    Raises:
        OutputError: the run folder holds a run and `resume` is not said.
        InputError: nothing to resume from or to train on, no shards, or first weights of other widths than the
            recipe's network.
    """
    if paths.data is None and paths.photos is None:
        raise InputError("there is nothing to train on; give --data FOLDER of shards, --photos FILE, or both")
    if recipe.task == "inpainting" and paths.photos is None:
        raise InputError("the inpainting network learns from annotated photos; give --photos and --photo-images")
    if recipe.task != "student" and paths.teacher is not None:
        raise InputError(f"only a student can be distilled; the recipe's task is {recipe.task!r}")
    if paths.teacher is not None and paths.photos is None and recipe.distillation.pictures == "photos":
        raise InputError(
            "the recipe distils on photos alone; give --photos and --photo-images, or set `distillation.pictures` to "
            "rendered"
        )
    launch = launch or Launch.found()
    recipe = replace(recipe, precision=launch.precision(recipe.precision))
    checkpoint = _checkpoint(paths.out, resume)
    if not launch.leads:
        logging.getLogger("densepose_mobile").setLevel(logging.ERROR)  # the first process says it all
    else:
        paths.out.mkdir(parents=True, exist_ok=True)
        save_recipe(recipe, paths.out / "recipe.yaml")
    torch.set_num_threads(recipe.threads)
    lightning.seed_everything(recipe.seed, workers=False, verbose=False)
    geodesics = RasterGeodesics.of(Atlas.load())
    place = None if checkpoint is None else resume_place(checkpoint)
    run = _inpainting_run if recipe.task == "inpainting" else _person_run
    task, stream, examiners = run(recipe, paths, geodesics, place, launch)
    if place is None:
        if paths.init is not None:
            task.begin_from(paths.init)
        else:
            task.load_pretrained(paths.backbone, paths.assets)
        task.start_average()
    fit(task, stream, paths.out, examiners, checkpoint, launch)


_Run = tuple[AveragedTask, Stream, dict[str, Examiner]]


def _person_run(
    recipe: Recipe, paths: RunPaths, geodesics: RasterGeodesics, place: dict[str, Any] | None, launch: Launch
) -> _Run:
    task = _task(recipe, paths, geodesics)
    journal = paths.out / JOURNAL_NAME
    if place is None and launch.leads:
        journal.unlink(missing_ok=True)  # of a run that was killed before its first checkpoint
    if paths.photos is not None:
        paths.photos.open_dense()  # labels of another file are told now, not by a loading process
    batches = TrainingBatches(
        paths.data,
        task.spec,
        recipe.augmentation,
        folder_labels,
        recipe.seed,
        paths.photos,
        task.teacher_size if isinstance(task, StudentTask) else 0,
    )
    planner = Planner(
        recipe.batch,
        recipe.augmentation.negatives,
        recipe.seed,
        None if paths.data is None else Rounds(paths.data, recipe.seed, journal),
        [] if paths.photos is None else paths.photos.read(),
    )
    stream = PlannedStream(batches, planner, recipe.batch, Place(**(place or {})), launch.rank, launch.world)
    return task, stream, _examiners(recipe, paths, geodesics) if launch.leads else {}


def _inpainting_run(
    recipe: Recipe, paths: RunPaths, geodesics: RasterGeodesics, place: dict[str, Any] | None, launch: Launch
) -> _Run:
    assert paths.photos is not None
    plan = recipe.inpainting
    photos = replace(paths.photos, kept_back=plan.kept_back, dense=None)
    task = InpaintTask(recipe, file_hash(photos.annotations))
    crops = PersonCrops(photos, plan.crops, recipe.augmentation, recipe.seed, launch.rank, launch.world)
    check = PointCheck(photos, plan.checked_people, geodesics)
    examiners: dict[str, Examiner] = {"kept_back": lambda network, step: Findings(check(network, step))}
    return task, CropStream(crops, 0 if place is None else place["batch"]), examiners


def _task(recipe: Recipe, paths: RunPaths, geodesics: Distances) -> StudentTask | TeacherTask:
    if paths.teacher is not None:
        return DistillTask(recipe, geodesics, load_teacher(paths.teacher))
    return (TeacherTask if recipe.task == "teacher" else StudentTask)(recipe, geodesics)


def _checkpoint(out: Path, resume: bool) -> Path | None:
    path = out / CHECKPOINT_NAME
    if resume and not path.is_file():
        raise InputError(f"nothing to resume: {path} does not exist; leave out --resume to begin a run")
    if not resume and path.is_file():
        raise OutputError(f"{out} holds a run already; say --resume to go on with it, or give another --out")
    return path if resume else None


def _examiners(recipe: Recipe, paths: RunPaths, geodesics: Distances) -> dict[str, Examiner]:
    plan, finds = recipe.evaluation, recipe.batch.whole > 0
    examiners: dict[str, Examiner] = {}
    if paths.val is not None and plan.synthetic_pictures:
        val, labeller = paths.val, folder_labels(paths.val)
        examiners["synthetic"] = lambda network, step: Findings(
            evaluate_synthetic(network, val, labeller, geodesics, plan.synthetic_pictures, finds)
        )
    if plan.real_pictures:
        assets = asset_folder(paths.assets)
        examiners["real"] = RealPhotos(
            assets, paths.out, Atlas.load(), plan.real_pictures, plan.shown_pictures, given_boxes=not finds
        )
    return examiners
