from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.looks import BatchPlan
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME
from densepose_mobile.train.engine.curve import training_curve
from densepose_mobile.train.engine.evaluation import Findings
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.recipe import Evaluation, Optimisation, Recipe, StudentPlan
from densepose_mobile.train.engine.task import StudentTask

from .streams import Fixed, first_batches

STUDENT = StudentPlan(detect_size=64, track_size=96, feature_channels=8, head_width=8)
RECIPE = Recipe(
    name="tiny",
    precision="fp32",
    student=STUDENT,
    batch=BatchPlan(whole=0, crops=2, crops_per_picture=1),
    optimisation=Optimisation(warmup_steps=1, max_steps=2, frozen_stages=0),
    evaluation=Evaluation(every_steps=2, log_every_steps=1),
)


def log(run: Path, begun: int, *rows: str) -> None:
    folder = run / "logs" / "csv" / f"from_{begun:07d}"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("\n".join(["loss/total,real/recall,run/pictures,step,synthetic/gps", *rows]))


def test_a_run_that_went_on_after_a_stop_has_one_curve(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller, flat_geodesics: Distances
) -> None:
    (tmp_path / "shards").mkdir()
    shard(tmp_path / "shards" / "a.tar", range(4))
    batches = first_batches(
        tmp_path / "shards", STUDENT.spec(), RECIPE.batch, Augmentation(photometric=0.0), plain_labels, 4
    )
    examiners = {
        "synthetic": lambda network, step: Findings({"gps": step / 7}),
        "real": lambda network, step: Findings({"recall": 1.0}),
    }
    out = tmp_path / "run"
    for last, checkpoint in ((2, None), (4, out / CHECKPOINT_NAME)):
        recipe = replace(RECIPE, optimisation=replace(RECIPE.optimisation, max_steps=last))
        torch.manual_seed(0)
        fit(StudentTask(recipe, flat_geodesics), Fixed(batches, last - 2), out, examiners, checkpoint)
    assert training_curve(out) == [
        {"step": 2, "pictures": 6, "synthetic": {"gps": 0.286}, "real": {"recall": 1.0}},
        {"step": 4, "pictures": 12, "synthetic": {"gps": 0.571}, "real": {"recall": 1.0}},
    ]


def test_steps_that_were_lost_are_not_in_the_curve(tmp_path: Path) -> None:
    log(tmp_path, 0, "5,,10,1,", ",0.1,,2,0.2", "4,,30,3,", ",0.9,,4,0.9", "3,,60,6,")
    log(tmp_path, 3, "4,,31,3,", ",,,4,0.4")
    assert training_curve(tmp_path) == [
        {"step": 2, "pictures": 10, "real": {"recall": 0.1}, "synthetic": {"gps": 0.2}},
        {"step": 4, "pictures": 31, "synthetic": {"gps": 0.4}},
    ]


def test_a_folder_without_logs_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name the --out of a training"):
        training_curve(tmp_path)
