from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.data.looks import BatchPlan
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine.evaluation import Findings
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.recipe import Evaluation, Optimisation, Recipe
from densepose_mobile.train.engine.rois import sample_rois
from densepose_mobile.train.engine.synthetic import evaluate_synthetic
from densepose_mobile.train.engine.teacher_task import TEACHER_NAME, TeacherTask
from densepose_mobile.train.models.teacher.spec import TeacherSpec
from densepose_mobile.train.models.teacher.weights import load_teacher, save_teacher

from ..conftest import TINY_TEACHER
from .streams import Fixed, first_batches

RECIPE = Recipe(
    name="tiny",
    task="teacher",
    precision="fp32",
    rois_per_picture=2,
    teacher=TINY_TEACHER,
    batch=BatchPlan(whole=1, crops=2),
    optimisation=Optimisation(warmup_steps=1, max_steps=2, frozen_stages=0),
    evaluation=Evaluation(every_steps=2, log_every_steps=1),
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, shard: Callable[..., None]) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    shard(folder / "a.tar", range(6))
    return folder


@pytest.fixture(scope="module")
def batches(shards: Path, plain_labels: Labeller) -> list[Batch]:
    augmentation = Augmentation(photometric=0.0, negatives=0.0)
    batches = first_batches(shards, TINY_TEACHER.geometry(), RECIPE.batch, augmentation, plain_labels, 2)
    for batch in batches:  # the rectangles have no joints: some are put into the middle
        batch["crop_keypoints"][:, :3] = torch.tensor([8.0, 5.0, 2.0])
        batch["whole_keypoints"][:, :, :3] = torch.tensor([32.0, 32.0, 2.0])
    return batches


def new_task(recipe: Recipe, geodesics: Distances) -> TeacherTask:
    torch.manual_seed(0)
    return TeacherTask(recipe, geodesics).train()


def test_overfits_two_crops(batches: list[Batch], flat_geodesics: Distances) -> None:
    still = replace(RECIPE.optimisation, frozen_stages=4)
    task = new_task(replace(RECIPE, batch=replace(RECIPE.batch, whole=0), optimisation=still), flat_geodesics)
    optimizer = torch.optim.Adam(task.teacher.parameters(), 3e-3)
    batch = {name: value for name, value in batches[0].items() if not name.startswith("whole")}
    first: dict[str, torch.Tensor] = {}
    for _ in range(20):
        optimizer.zero_grad()
        task.training_step(batch, 0).backward()
        optimizer.step()
        first = first or dict(task.latest)
    for name in ("coarse", "fine", "uv", "keypoints", "mask"):
        assert task.latest[f"loss/crop_{name}"] < 0.8 * first[f"loss/crop_{name}"], name


def test_every_trained_weight_gets_a_gradient(batches: list[Batch], flat_geodesics: Distances) -> None:
    task = new_task(RECIPE, flat_geodesics)
    task.training_step(batches[0], 0).backward()
    without = [name for name, p in task.teacher.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert [name for name in without if "boxes.box_predictor.bbox_pred" not in name] == []


def test_detector_rests_without_whole_pictures(batches: list[Batch], flat_geodesics: Distances) -> None:
    task = new_task(replace(RECIPE, batch=replace(RECIPE.batch, whole=0)), flat_geodesics)
    groups = task.configure_optimizers()["optimizer"].param_groups
    trained = {id(p) for group in groups for p in group["params"]}
    assert all(id(p) not in trained for p in task.teacher.detector.parameters())
    assert all(id(p) in trained for p in task.teacher.cascade.parameters())


def test_full_size_design_makes_a_step(batches: list[Batch], flat_geodesics: Distances) -> None:
    """ResNet-101 with its pyramid, detector, dilated head and cascade, at narrow heads: one whole picture of 64 px."""
    design = TeacherSpec(backbone_norm="group", head_width=64, head_convs=2, input_size=64, crop_size=96)
    recipe = replace(RECIPE, teacher=design, rois_per_picture=1, batch=BatchPlan(whole=1, crops=0))
    recipe = replace(recipe, optimisation=replace(RECIPE.optimisation, optimizer="sgd", lr=0.01))
    task = new_task(recipe, flat_geodesics)
    setup = task.configure_optimizers()
    batch = {name: value for name, value in batches[0].items() if not name.startswith("crop")}
    before = task.teacher.backbone.stages[0][0].conv1.weight.detach().clone()
    loss = task.training_step(batch, 0)
    loss.backward()
    task.configure_gradient_clipping(setup["optimizer"])
    setup["optimizer"].step()
    assert loss.isfinite()
    assert task.latest["run/gradient_norm"].isfinite()
    assert not torch.equal(before, task.teacher.backbone.stages[0][0].conv1.weight)
    assert {"loss/proposal_score", "loss/box", "loss/roi_early", "loss/roi_keypoints"} <= set(task.latest)


def test_frozen_norms_without_their_weights_are_refused(tmp_path: Path, flat_geodesics: Distances) -> None:
    recipe = replace(RECIPE, teacher=replace(TINY_TEACHER, backbone="resnet50"))
    with pytest.raises(InputError, match=r"--backbone FILE.*backbone_norm: group"):
        TeacherTask(recipe, flat_geodesics).load_pretrained(None, None)


def test_begins_from_a_teacher_of_other_sizes_but_of_no_other_widths(tmp_path: Path, flat_geodesics: Distances) -> None:
    task = new_task(RECIPE, flat_geodesics)
    save_teacher(tmp_path / "a.safetensors", task.teacher, {})
    other = TeacherTask(replace(RECIPE, teacher=replace(TINY_TEACHER, crop_size=128, map_size=32)), flat_geodesics)
    other.begin_from(tmp_path / "a.safetensors")
    assert torch.equal(other.teacher.decoder.merge.weight, task.teacher.decoder.merge.weight)
    wider = TeacherTask(replace(RECIPE, teacher=replace(TINY_TEACHER, mask_width=16)), flat_geodesics)
    with pytest.raises(InputError, match="make `teacher` in the recipe agree"):
        wider.begin_from(tmp_path / "a.safetensors")


def test_run_leaves_a_teacher(tmp_path: Path, batches: list[Batch], flat_geodesics: Distances) -> None:
    task = new_task(RECIPE, flat_geodesics)
    fit(task, Fixed(batches), tmp_path, {"probe": lambda network, step: Findings({"iou": 0.5})})
    teacher, header = load_teacher(tmp_path / TEACHER_NAME)
    assert header["step"] == 2
    assert header["recipe"]["task"] == "teacher"
    assert header["metrics"] == {"probe/iou": 0.5}
    averaged = task.averaged.state_dict()
    assert all(torch.equal(averaged[name], value) for name, value in teacher.state_dict().items())


def test_synthetic_figures_of_crops_alone(shards: Path, plain_labels: Labeller, flat_geodesics: Distances) -> None:
    averaged = new_task(RECIPE, flat_geodesics).averaged
    figures = evaluate_synthetic(averaged, shards, plain_labels, flat_geodesics, 2, finds=False)
    assert {"iou", "gps"} <= set(figures)
    assert "recall" not in figures


def test_regions_of_whole_pictures_carry_their_person_s_keypoints(batches: list[Batch]) -> None:
    spec = TINY_TEACHER.geometry()
    batch = batches[0]
    person = int((batch["whole_kinds"][0] == 1).nonzero()[0])
    box = batch["whole_boxes"][0, person]
    place = (box[:2] + box[2:]) / 2
    batch = {**batch, "whole_keypoints": torch.zeros_like(batch["whole_keypoints"])}
    batch["whole_kinds"] = torch.zeros_like(batch["whole_kinds"])
    batch["whole_kinds"][0, person] = 1
    batch["whole_keypoints"][0, person, 0] = torch.tensor([*place, 2.0])
    empty = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
    _, _, target, keypoints = sample_rois(0, batch, *empty, spec, 4)
    assert keypoints.shape == (4, 17, 3)
    assert (keypoints[:, 0, 2] == 2).all()
    assert ((keypoints[:, 0, :2] - spec.map_size / 2).abs() < 0.2 * spec.map_size).all()
    assert (keypoints[:, 1:] == 0).all()
    assert target.part.shape == (4, spec.map_size, spec.map_size)
