import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.data.looks import BatchPlan
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME, resume_place
from densepose_mobile.train.engine.evaluation import Findings
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.recipe import Evaluation, Optimisation, Recipe, StudentPlan
from densepose_mobile.train.engine.rois import choose_boxes, training_rois
from densepose_mobile.train.engine.schedule import lr_factor
from densepose_mobile.train.engine.synthetic import evaluate_synthetic
from densepose_mobile.train.engine.task import STUDENT_NAME, StudentTask
from densepose_mobile.train.models.weights import load_student

from .streams import Fixed, first_batches

STUDENT = StudentPlan(detect_size=64, track_size=96, feature_channels=16, head_width=16)
SPEC = STUDENT.spec()
RECIPE = Recipe(
    name="tiny",
    precision="fp32",
    student=STUDENT,
    rois_per_picture=2,
    batch=BatchPlan(whole=1, crops=2),
    optimisation=Optimisation(warmup_steps=1, max_steps=4, frozen_stages=0),
    evaluation=Evaluation(every_steps=2, log_every_steps=1),
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, shard: Callable[..., None]) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    shard(folder / "a.tar", range(6))
    return folder


@pytest.fixture(scope="module")
def batches(shards: Path, plain_labels: Labeller) -> list[Batch]:
    return first_batches(shards, SPEC, RECIPE.batch, Augmentation(photometric=0.0), plain_labels, 4)


def new_task(recipe: Recipe, geodesics: Distances) -> StudentTask:
    torch.manual_seed(0)
    return StudentTask(recipe, geodesics)


def run(recipe: Recipe, geodesics: Distances, batches: list[Batch], out: Path, resume: bool = False) -> StudentTask:
    task = new_task(recipe, geodesics)
    torch.manual_seed(1)
    checkpoint = out / CHECKPOINT_NAME if resume else None
    start = 0 if checkpoint is None else resume_place(checkpoint)["batch"]
    fit(task, Fixed(batches, start), out, {}, checkpoint)
    return task


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_overfits_a_batch(batches: list[Batch], flat_geodesics: Distances, precision: str) -> None:
    recipe = replace(RECIPE, precision=precision, augmentation=Augmentation())
    task = new_task(recipe, flat_geodesics)
    task.train()
    optimizer = torch.optim.Adam(task.student.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = task.training_step(batches[0], 0)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.mean(losses[-3:]) < 0.7 * losses[0]


def test_every_trained_weight_gets_a_gradient(batches: list[Batch], flat_geodesics: Distances) -> None:
    task = new_task(replace(RECIPE, optimisation=replace(RECIPE.optimisation, frozen_stages=1)), flat_geodesics)
    task.train()
    batch = {**batches[0], "crop_presence": torch.ones(2)}
    task.training_step(batch, 0).backward()
    without = [name for name, p in task.student.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert all(name.startswith(("backbone.stem", "backbone.stages.0")) or ".box." in name for name in without), without


def test_resumed_run_equals_an_unbroken_one(tmp_path: Path, batches: list[Batch], flat_geodesics: Distances) -> None:
    whole = run(RECIPE, flat_geodesics, batches, tmp_path / "whole")
    half = replace(RECIPE, optimisation=replace(RECIPE.optimisation, max_steps=2))
    run(half, flat_geodesics, batches, tmp_path / "parts")
    resumed = run(RECIPE, flat_geodesics, batches, tmp_path / "parts", resume=True)
    assert resumed.global_step == 4
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_resumed_run_learns_at_the_rates_of_its_recipe(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances
) -> None:
    run(replace(RECIPE, optimisation=replace(RECIPE.optimisation, max_steps=2)), flat_geodesics, batches, tmp_path)
    slower = replace(RECIPE.optimisation, max_steps=5, lr=1e-5, backbone_lr=0.5, weight_decay=0.3)
    recipe = replace(RECIPE, optimisation=slower)
    seen: list[set[tuple[float, float]]] = []

    class Watched(StudentTask):
        def training_step(self, batch: Batch, index: int) -> torch.Tensor:
            groups = self.trainer.optimizers[0].param_groups
            seen.append({(group["lr"], group["weight_decay"]) for group in groups})
            return super().training_step(batch, index)

    task = Watched(recipe, flat_geodesics)
    fit(task, Fixed(batches, 2), tmp_path, {}, tmp_path / CHECKPOINT_NAME)
    rates = [1e-5 * lr_factor(step, slower) for step in (2, 3, 4)]
    assert rates[0] == 1e-5
    for pairs, rate in zip(seen, rates, strict=True):
        assert {pair[1] for pair in pairs} == {0.0, 0.3}
        assert sorted({pair[0] for pair in pairs}) == pytest.approx([0.5 * rate, rate])


def test_a_run_that_trained_other_layers_is_not_resumed(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances
) -> None:
    run(replace(RECIPE, optimisation=replace(RECIPE.optimisation, max_steps=2)), flat_geodesics, batches, tmp_path)
    frozen = replace(RECIPE, optimisation=replace(RECIPE.optimisation, frozen_stages=1))
    with pytest.raises(InputError, match=r"other layers.*frozen_stages"):
        run(frozen, flat_geodesics, batches, tmp_path, resume=True)


def test_a_detector_without_losses_stays_as_it_is(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances
) -> None:
    rests = replace(RECIPE, losses=replace(RECIPE.losses, score=0.0, box=0.0))
    before = new_task(rests, flat_geodesics).student.detector.state_dict()
    after = run(rests, flat_geodesics, batches, tmp_path).student.detector.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_run_leaves_checkpoint_student_and_logs(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances
) -> None:
    seen: list[int] = []
    task = new_task(RECIPE, flat_geodesics)

    def examiner(student: torch.nn.Module, step: int) -> Findings:
        assert not student.training
        seen.append(step)
        if step == 2:
            raise RuntimeError("a broken examiner must not end the run")
        return Findings({"iou": 0.5}, np.full((4, 6, 3), 128, np.uint8))

    fit(task, Fixed(batches), tmp_path, {"probe": examiner})
    assert seen == [2, 4]
    student, header = load_student(tmp_path / STUDENT_NAME)
    assert header["metrics"] == {"probe/iou": 0.5}
    assert header["step"] == 4
    assert header["data"] == {"pictures": 12, "shards": 1}
    averaged = task.averaged.state_dict()
    assert all(torch.equal(averaged[name], value) for name, value in student.state_dict().items())
    table = next(tmp_path.rglob("metrics.csv")).read_text()
    assert "loss/total" in table.splitlines()[0]
    assert "probe/iou" in table.splitlines()[0]
    assert not list(tmp_path.rglob("*.partial"))
    shown = EventAccumulator(str(next((tmp_path / "logs" / "tensorboard").iterdir())))
    shown.Reload()
    assert [(event.step, event.width, event.height) for event in shown.Images("probe/people")] == [(4, 6, 4)]
    assert "loss/total" in shown.Tags()["scalars"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_stopped_run_keeps_the_step_under_way(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances, number: signal.Signals, status: int
) -> None:
    class Stopped(StudentTask):
        def training_step(self, batch: Batch, index: int) -> torch.Tensor:
            if self.global_step == 2:
                os.kill(os.getpid(), number)
            return super().training_step(batch, index)

    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as stopped:
        fit(Stopped(RECIPE, flat_geodesics), Fixed(batches), tmp_path, {})
    assert stopped.value.code == status
    signal.signal(number, before)
    state = torch.load(tmp_path / CHECKPOINT_NAME, weights_only=False)
    assert state["global_step"] == 3
    assert resume_place(tmp_path / CHECKPOINT_NAME)["batch"] == 3


def test_run_that_is_torn_within_an_update_keeps_the_checkpoint_before(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances
) -> None:
    class Torn(StudentTask):
        def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
            super().optimizer_step(*args, **kwargs)
            if self.global_step == 2:
                raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        fit(Torn(replace(RECIPE, checkpoint_minutes=0.0), flat_geodesics), Fixed(batches), tmp_path, {})
    assert torch.load(tmp_path / CHECKPOINT_NAME, weights_only=False)["global_step"] == 2


def test_gradients_of_several_batches_make_a_step(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances
) -> None:
    plan = replace(RECIPE.optimisation, accumulate=2, max_steps=3)
    looked: list[int] = []

    def examiner(student: torch.nn.Module, step: int) -> Findings:
        looked.append(step)
        return Findings({})

    task = new_task(replace(RECIPE, optimisation=plan), flat_geodesics)
    fit(task, Fixed(batches), tmp_path / "watched", {"probe": examiner})
    assert looked == [2, 3]
    whole = run(replace(RECIPE, optimisation=plan), flat_geodesics, batches, tmp_path / "whole")
    assert (whole.global_step, resume_place(tmp_path / "whole" / CHECKPOINT_NAME)["batch"]) == (3, 6)
    first = replace(RECIPE, optimisation=replace(plan, max_steps=1))
    run(first, flat_geodesics, batches, tmp_path / "parts")
    resumed = run(replace(RECIPE, optimisation=plan), flat_geodesics, batches, tmp_path / "parts", resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_checkpoint_of_an_earlier_version_is_named(tmp_path: Path) -> None:
    torch.save({"global_step": 3, "data": {"reads": {}}}, tmp_path / CHECKPOINT_NAME)
    with pytest.raises(InputError, match=r"earlier version.*--init"):
        resume_place(tmp_path / CHECKPOINT_NAME)


def test_loss_that_is_not_finite_stops_the_run(batches: list[Batch], flat_geodesics: Distances) -> None:
    task = new_task(RECIPE, flat_geodesics)
    task.train()
    with torch.no_grad():
        task.student.dense_head.entry.conv.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="crop_foreground"):
        task.training_step(batches[0], 0)


def test_training_rois_show_their_person(batches: list[Batch]) -> None:
    batch = batches[0]
    scores, distances = torch.zeros(1, SPEC.num_locations, 1), torch.ones(1, SPEC.num_locations, 4)
    wy, wx, target = training_rois(0, batch, scores, distances, SPEC, 3)
    assert wy.shape == wx.shape == (3, 28, 16)
    assert target.part.shape == (3, 56, 56)
    people = int((batch["whole_kinds"] == 1).sum())
    assert (target.foreground.flatten(1).any(1).sum() > 0) == (people > 0)


def test_proposals_are_used_where_they_overlap_and_truth_elsewhere() -> None:
    boxes = np.zeros((4, 4), np.float32)
    boxes[0], boxes[2] = (10, 10, 30, 60), (40, 5, 60, 50)
    kinds = np.array([1, 0, 1, 2], np.uint8)
    proposals = np.array([[11, 12, 31, 62], [100, 100, 110, 110]], np.float32)
    rng = np.random.default_rng(0)
    exact = 0
    for _ in range(40):
        chosen, rows = choose_boxes(rng, boxes, kinds, proposals, np.array([0.9, 0.8], np.float32), 3)
        assert set(rows) <= {0, 2}
        for box, row in zip(chosen, rows, strict=True):
            assert np.abs(box - boxes[row]).max() <= 0.15 * 50 + 1e-3
            exact += bool((box == proposals[0]).all())
    assert 10 < exact < 50
    chosen, rows = choose_boxes(rng, boxes, np.zeros(4, np.uint8), proposals, np.array([0.9, 0.8]), 2)
    assert rows.tolist() == [-1, -1]


def test_synthetic_figures_are_in_their_ranges(shards: Path, plain_labels: Labeller, flat_geodesics: Distances) -> None:
    figures = evaluate_synthetic(new_task(RECIPE, flat_geodesics).averaged, shards, plain_labels, flat_geodesics, 3)
    assert set(figures) == {"iou", "part_accuracy", "swap_rate", "uv_error", "gps", "recall", "precision"}
    assert all(0 <= value <= 1 for name, value in figures.items() if name != "uv_error")
