"""Putting a run together: recipe, data, task, and where it starts from."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import lightning
import torch

from densepose_mobile.atlas import Atlas
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.assets import asset_folder
from densepose_mobile.train.data.dataset import RenderedBatches
from densepose_mobile.train.data.folder import folder_labels
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME
from densepose_mobile.train.engine.distill import DistillTask
from densepose_mobile.train.engine.evaluation import Examiner
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.photos import RealPhotos
from densepose_mobile.train.engine.recipe import Recipe, save_recipe
from densepose_mobile.train.engine.synthetic import evaluate_synthetic
from densepose_mobile.train.engine.task import StudentTask
from densepose_mobile.train.engine.teacher_task import TeacherTask
from densepose_mobile.train.engine.teachers import load_teacher
from densepose_mobile.train.losses.geodesics import RasterGeodesics

__all__ = ["RunPaths", "train", "with_steps"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunPaths:
    """Where a run reads and writes."""

    data: Path | None  # folder of training shards, or of folders of them; may grow while training
    out: Path
    val: Path | None = None  # folder of held-out shards
    assets: Path | None = None
    init: Path | None = None  # weights of a whole network to start from instead of a pretrained backbone
    photos: AnnotatedPhotos | None = None  # mixed into the rendered pictures, or all there is
    backbone: Path | None = None  # pretrained backbone, if not the one among the assets
    teacher: Path | None = None  # weights of the network that a student learns from beside the annotations


def train(recipe: Recipe, paths: RunPaths, resume: bool) -> None:
    """Train until the recipe's `max_steps`.

    Raises:
        OutputError: the run folder holds a run and `resume` is not said.
        InputError: nothing to resume from or to train on, no shards, or first weights of other widths than the
            recipe's network.
    """
    if paths.data is None and paths.photos is None:
        raise InputError("there is nothing to train on; give --data FOLDER of shards, --photos FILE, or both")
    if recipe.precision == "auto":
        recipe = replace(recipe, precision="bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32")
    checkpoint = _checkpoint(paths.out, resume)
    paths.out.mkdir(parents=True, exist_ok=True)
    save_recipe(recipe, paths.out / "recipe.yaml")
    torch.set_num_threads(recipe.threads)
    lightning.seed_everything(recipe.seed, workers=False, verbose=False)
    geodesics = RasterGeodesics.of(Atlas.load())
    task = _task(recipe, paths, geodesics)
    reads: dict[str, int] = {}
    seed = recipe.seed
    if checkpoint is not None:
        state = torch.load(checkpoint, map_location="cpu", weights_only=False)
        reads, seed = state["data"]["reads"], recipe.seed + int(state["global_step"])
    elif paths.init is not None:
        task.begin_from(paths.init)
        task.start_average()
    else:
        task.load_pretrained(paths.backbone, paths.assets)
        task.start_average()
    size = task.teacher_size if isinstance(task, StudentTask) else 0
    stream = RenderedBatches(
        paths.data, task.spec, recipe.batch, recipe.augmentation, folder_labels, seed, reads, paths.photos, size
    )
    fit(task, stream, paths.out, _examiners(recipe, paths, geodesics), checkpoint)


def _task(recipe: Recipe, paths: RunPaths, geodesics: Distances) -> StudentTask | TeacherTask:
    if paths.teacher is not None:
        if recipe.task != "student":
            raise InputError(f"only a student can be distilled; the recipe's task is {recipe.task!r}")
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
        examiners["synthetic"] = lambda network, step: evaluate_synthetic(
            network, val, labeller, geodesics, plan.synthetic_pictures, finds
        )
    if plan.real_pictures:
        assets = asset_folder(paths.assets)
        examiners["real"] = RealPhotos(
            assets, paths.out, Atlas.load(), plan.real_pictures, plan.shown_pictures, given_boxes=not finds
        )
    return examiners


def with_steps(recipe: Recipe, max_steps: int | None, cooldown_steps: int | None) -> Recipe:
    """The recipe with another length or cool-down."""
    plan = recipe.optimisation
    if max_steps is not None:
        plan = replace(plan, max_steps=max_steps)
    if cooldown_steps is not None:
        plan = replace(plan, cooldown_steps=cooldown_steps)
    return replace(recipe, optimisation=plan)
