from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.person_crops import CropPlan, CropStream, PersonCrops
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine.agreement import PointCheck
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME, resume_place
from densepose_mobile.train.engine.evaluation import Findings
from densepose_mobile.train.engine.inpaint_task import INPAINTING_NAME, InpaintTask
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.recipe import Evaluation, InpaintingPlan, Optimisation, Recipe
from densepose_mobile.train.engine.trainer import RunPaths, train
from densepose_mobile.train.models.inpainting import load_inpainting
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import save_student

RECIPE = Recipe(
    name="tiny",
    task="inpainting",
    precision="fp32",
    workers=0,
    inpainting=InpaintingPlan(width=16, checked_people=8, crops=CropPlan(size=64, batch=8, maskless=0.0)),
    augmentation=Augmentation(occluder=0.0, window=0.0, rotation=5.0, scale=0.05, shift=0.02),
    optimisation=Optimisation(lr=3e-3, backbone_lr=1.0, warmup_steps=1, max_steps=4, frozen_stages=0),
    evaluation=Evaluation(every_steps=2, log_every_steps=1),
)


@pytest.fixture(scope="module")
def photos(
    tmp_path_factory: pytest.TempPathFactory, shard: Callable[..., None], plain_labels: Labeller
) -> AnnotatedPhotos:
    folder = tmp_path_factory.mktemp("photos")
    shard(folder / "a.tar", range(4))
    path = export_coco(folder / "a.tar", folder / "coco", plain_labels)
    return AnnotatedPhotos(path, folder / "coco" / "images", kept_back=5)


def new_task(recipe: Recipe = RECIPE) -> InpaintTask:
    torch.manual_seed(0)
    return InpaintTask(recipe, "abc")


def crops(photos: AnnotatedPhotos) -> PersonCrops:
    return PersonCrops(photos, RECIPE.inpainting.crops, RECIPE.augmentation, 0)


def test_points_that_were_not_trained_on_come_out_right(photos: AnnotatedPhotos, flat_geodesics: Distances) -> None:
    task, batches, check = new_task(), crops(photos), PointCheck(photos, 8, flat_geodesics)
    before = check(task.net.eval(), 0)
    task.train()
    optimizer = torch.optim.Adam(task.net.parameters(), 3e-3)
    for number in range(30):
        optimizer.zero_grad()
        task.training_step(batches[number], number).backward()
        optimizer.step()
    after = check(task.net.eval(), 30)
    assert after["part"] > max(before["part"], 0.9)
    assert after["uv_error"] < 0.6 * before["uv_error"]
    assert after["distance_cm"] < 0.6 * before["distance_cm"]
    assert after["gps"] > before["gps"]


def test_every_trained_weight_gets_a_gradient(photos: AnnotatedPhotos) -> None:
    task = new_task(replace(RECIPE, optimisation=replace(RECIPE.optimisation, frozen_stages=1)))
    task.train()
    task.training_step(crops(photos)[0], 0).backward()
    without = [name for name, p in task.net.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert all(name.startswith(("backbone.stem", "backbone.stages.0", "pyramid.smooth")) for name in without), without


def test_resumed_run_equals_an_unbroken_one(photos: AnnotatedPhotos, tmp_path: Path) -> None:
    def run(recipe: Recipe, out: Path, resume: bool = False) -> InpaintTask:
        task = new_task(recipe)
        checkpoint = out / CHECKPOINT_NAME if resume else None
        begun = 0 if checkpoint is None else resume_place(checkpoint)["batch"]
        fit(task, CropStream(crops(photos), begun), out, {}, checkpoint)
        return task

    whole = run(RECIPE, tmp_path / "whole")
    run(replace(RECIPE, optimisation=replace(RECIPE.optimisation, max_steps=2)), tmp_path / "parts")
    resumed = run(RECIPE, tmp_path / "parts", resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_run_leaves_weights_that_say_what_they_learned_from(
    photos: AnnotatedPhotos, tmp_path: Path, flat_geodesics: Distances
) -> None:
    task = new_task()
    check = PointCheck(photos, 2, flat_geodesics)
    fit(task, CropStream(crops(photos)), tmp_path, {"kept_back": lambda net, step: Findings(check(net, step))})
    net, header = load_inpainting(tmp_path / INPAINTING_NAME)
    assert (net.width, net.crop_size, net.margin) == (16, 64, 1.2)
    assert header["data"] == {"pictures": 32, "annotations": "abc"}
    assert header["recipe"]["inpainting"]["kept_back"] == 5
    assert 0 <= header["metrics"]["kept_back/gps"] <= 1
    averaged = task.averaged.state_dict()
    assert all(torch.equal(averaged[name], value) for name, value in net.state_dict().items())
    again = new_task()
    again.begin_from(tmp_path / INPAINTING_NAME)
    assert torch.equal(again.net.output.weight, net.output.weight)
    with pytest.raises(InputError, match=r"width 16.*inpainting\.width"):
        new_task(replace(RECIPE, inpainting=replace(RECIPE.inpainting, width=8))).begin_from(tmp_path / INPAINTING_NAME)


def test_other_weights_are_named(tmp_path: Path) -> None:
    save_student(tmp_path / "student.safetensors", Student(head_width=8), {})
    with pytest.raises(AssetError, match="another network than this version's inpainting network"):
        load_inpainting(tmp_path / "student.safetensors")


def test_there_is_nothing_to_learn_without_photos(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--photos"):
        train(RECIPE, RunPaths(tmp_path, tmp_path / "run"), resume=False)
