"""A training run of seconds that tells what it saw; also as a process of its own, or under torchrun.

    python -m tests.train.engine.tiny_run SHARDS OUT STEPS WORKERS [TASK...]

Writes OUT/batches-RANK.jsonl, a line for each batch (number, digest, its crops), OUT/gradient.pt of the first step, and
whatever a run writes; the same into OUT-TASK for each further task.
"""

import hashlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from densepose_mobile.train.data.dataset import Batch, TrainingBatches
from densepose_mobile.train.data.looks import BatchPlan, Place, Planner
from densepose_mobile.train.data.rounds import Rounds
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.stream import PlannedStream
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine.averaged import AveragedTask
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME, resume_place
from densepose_mobile.train.engine.evaluation import Findings
from densepose_mobile.train.engine.launch import Launch
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.recipe import Evaluation, Optimisation, Recipe, StudentPlan
from densepose_mobile.train.engine.task import StudentTask
from densepose_mobile.train.engine.teacher_task import TeacherTask

from ..conftest import TINY_TEACHER, FlatGeodesics, PlainLabels

RECIPE = Recipe(
    name="tiny",
    precision="fp32",
    student=StudentPlan(detect_size=64, track_size=96, feature_channels=8, roi_size=8, head_width=8),
    teacher=TINY_TEACHER,
    rois_per_picture=2,
    checkpoint_minutes=0.02,
    workers=0,
    batch=BatchPlan(whole=2, crops=5),
    augmentation=Augmentation(negatives=0.3),
    optimisation=Optimisation(warmup_steps=2, max_steps=3, frozen_stages=0),
    evaluation=Evaluation(every_steps=2, log_every_steps=1),
)


def labels(folder: Path) -> Labeller:
    """Of any folder."""
    return PlainLabels()


class _Watched(AveragedTask):
    """Writes down what it is given."""

    out: Path

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        """One line a batch, on the disk before the step is taken."""
        digest = hashlib.sha256()
        for name in sorted(batch):
            value = batch[name]
            digest.update(value.numpy().tobytes() if isinstance(value, torch.Tensor) else str(value).encode())
        line = {"number": batch["number"], "digest": digest.hexdigest(), "crops": len(batch["crop_image"])}
        with (self.out / f"batches-{self.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        return super().training_step(batch, index)

    def configure_gradient_clipping(self, *args: Any, **kwargs: Any) -> None:
        """Keep the first gradient."""
        if self.global_step == 0 and self.global_rank == 0:
            gradient = {name: p.grad for name, p in self.network.named_parameters() if p.grad is not None}
            torch.save(gradient, self.out / "gradient.pt")
        super().configure_gradient_clipping(*args, **kwargs)


class _Student(_Watched, StudentTask):
    pass


class _Teacher(_Watched, TeacherTask):
    pass


def tiny_run(shards: Path, out: Path, steps: int, resume: bool = False, **changes: Any) -> AveragedTask:
    """Train so many steps, from the checkpoint in `out` if said."""
    launch = Launch.found()
    out.mkdir(parents=True, exist_ok=True)
    recipe = replace(RECIPE, optimisation=replace(RECIPE.optimisation, max_steps=steps), **changes)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    task = (_Teacher if recipe.task == "teacher" else _Student)(recipe, FlatGeodesics())
    task.out = out
    checkpoint = out / CHECKPOINT_NAME if resume else None
    place = Place() if checkpoint is None else Place(**resume_place(checkpoint))
    batches = TrainingBatches(shards, task.spec, recipe.augmentation, labels, recipe.seed)
    rounds = Rounds(shards, recipe.seed, out / "rounds.jsonl")
    planner = Planner(recipe.batch, recipe.augmentation.negatives, recipe.seed, rounds)
    stream = PlannedStream(batches, planner, recipe.batch, place, launch.rank, launch.world)

    def examiner(network: Any, step: int) -> Findings:
        with (out / "examined.txt").open("a") as file:
            file.write(f"{step}\n")
        return Findings({"iou": 0.5})

    fit(task, stream, out, {"probe": examiner}, checkpoint, launch)
    return task


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    shards, out, steps, workers, *tasks = sys.argv[1:]
    tiny_run(Path(shards), Path(out), int(steps), workers=int(workers))
    for task in tasks:
        tiny_run(Path(shards), Path(f"{out}-{task}"), int(steps), workers=int(workers), task=task)
