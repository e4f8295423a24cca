from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import densepose_mobile.train.recipes as recipes
from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.parts import COARSE_NAMES
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.looks import BatchPlan
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.targets import COARSE, UNKNOWN, UNKNOWN_PART, Labeller
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME
from densepose_mobile.train.engine.distill import DistillTask
from densepose_mobile.train.engine.distill_command import app
from densepose_mobile.train.engine.distillation import Distillation
from densepose_mobile.train.engine.loop import fit
from densepose_mobile.train.engine.recipe import (
    Evaluation,
    LossWeights,
    Optimisation,
    Recipe,
    StudentPlan,
    load_recipe,
    recipe_from,
)
from densepose_mobile.train.engine.task import STUDENT_NAME
from densepose_mobile.train.engine.teachers import StudentTeacher, TeacherLook, load_teacher
from densepose_mobile.train.losses.dense import DenseTarget
from densepose_mobile.train.losses.distill import Lesson
from densepose_mobile.train.losses.trust import Gate
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.spec import TeacherSpec
from densepose_mobile.train.models.teacher.weights import save_teacher
from densepose_mobile.train.models.weights import load_student, save_student

from .streams import Fixed, first_batches

STUDENT = StudentPlan(detect_size=64, track_size=96, feature_channels=16, head_width=16)
SPEC = STUDENT.spec()
LARGER = ModelSpec(detect_size=64, track_size=128, feature_channels=24, roi_size=32, map_size=64)
RECIPE = Recipe(
    name="tiny",
    precision="fp32",
    student=STUDENT,
    batch=BatchPlan(whole=0, crops=3, photos=0.5),
    losses=LossWeights(confidence=0.0),
    optimisation=Optimisation(warmup_steps=1, max_steps=4, frozen_stages=0),
    evaluation=Evaluation(every_steps=100, log_every_steps=1),
    distillation=Distillation("both", features=1.0),
)


SMALL_TEACHER = TeacherSpec(
    backbone="mobilenet_v2_1.75",
    fpn_channels=24,
    decoder_channels=16,
    head="conv8",
    head_width=16,
    head_convs=1,
    cascade=0,
    box_width=16,
    roi_size=16,
    map_size=32,
    input_size=64,
    crop_size=128,
)


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("teacher") / "larger.safetensors"
    save_student(path, Student(LARGER, 16), {})
    return path


@pytest.fixture(scope="module")
def batches(
    tmp_path_factory: pytest.TempPathFactory, shard: Callable[..., None], plain_labels: Labeller
) -> list[Batch]:
    folder = tmp_path_factory.mktemp("shards")
    shard(folder / "a.tar", range(6))
    export_coco(folder / "a.tar", folder / "coco", plain_labels)
    photos = AnnotatedPhotos(folder / "coco" / "annotations.json", folder / "coco" / "images")
    augmentation = Augmentation(photometric=0.0, negatives=0.0)
    made = first_batches(folder, SPEC, RECIPE.batch, augmentation, plain_labels, 6, photos, LARGER.track_size)
    return [batch for batch in made if 0 < batch["crop_photo"].float().mean() < 1]


def distilling(recipe: Recipe, geodesics: Distances, teacher: Path, **plan: object) -> DistillTask:
    torch.manual_seed(0)
    recipe = replace(recipe, distillation=replace(recipe.distillation, **plan))
    task = DistillTask(recipe, geodesics, load_teacher(teacher))
    task.train()
    return task


def taught(task: DistillTask, batch: Batch) -> dict[str, float]:
    task.training_step(batch, 0)
    return {name: float(value) for name, value in task.latest.items() if "taught" in name}


def test_a_larger_student_teaches_maps_features_and_boxes(
    batches: list[Batch], flat_geodesics: Distances, teacher_file: Path
) -> None:
    losses = taught(distilling(RECIPE, flat_geodesics, teacher_file, pictures="rendered"), batches[0])
    for name in ("foreground", "parts", "uv", "features", "presence", "place"):
        assert f"loss/taught_{name}" in losses
    assert losses["loss/taught_features"] > 0
    assert losses["loss/taught_foreground"] > 0


def test_on_photos_nothing_beyond_the_silhouette_or_against_a_label_counts(
    flat_geodesics: Distances, teacher_file: Path
) -> None:
    """A teacher that sees a torso with a left arm everywhere, where a smaller person with four joints is known."""
    task, size = distilling(RECIPE, flat_geodesics, teacher_file, gate=Gate(joints=4)), SPEC.map_size
    part = torch.full((2, size, size), 2)
    part[:, :, 40:] = 15
    nothing = torch.zeros(2, size, size)
    lesson = Lesson(
        nothing + 5, torch.zeros(2, 24, size, size), part, torch.zeros(2, 2, size, size), part > 0, nothing + 1
    )
    codes = torch.zeros(2, size, size, dtype=torch.int64)
    codes[:, 10:50, 10:50] = UNKNOWN_PART
    codes[:, 20:25, 20:25] = COARSE + COARSE_NAMES.index("head")
    codes[:, :5] = UNKNOWN
    keypoints = torch.zeros(2, 17, 3)
    for joint, x, y in ((5, 39, 14), (6, 14, 14), (11, 36, 45), (12, 16, 45), (7, 46, 30)):
        keypoints[:, joint] = torch.tensor([x, y, 2.0])
    target = DenseTarget(codes, torch.zeros(2, 2, size, size))
    asked, trust = task._trust(lesson, target, torch.tensor([True, False]), keypoints)
    person = torch.zeros(size, size, dtype=torch.bool)
    person[10:50, 10:50] = True
    assert torch.equal(asked[0], person)
    against = torch.zeros_like(person)
    against[20:25, 20:25] = True
    assert torch.equal(trust[0], person & ~against)
    assert asked[1].all()
    assert torch.equal(trust[1], person & ~against)  # background is known there, and the teacher sees somebody


def test_a_weight_of_zero_leaves_a_lesson_out(
    batches: list[Batch], flat_geodesics: Distances, teacher_file: Path
) -> None:
    task = distilling(RECIPE, flat_geodesics, teacher_file, features=0.0, place=0.0)
    losses = taught(task, batches[0])
    assert not len(task.adapters)
    assert not {"loss/taught_features", "loss/taught_place"} & set(losses)


def test_photos_without_joints_are_taught_nothing(
    batches: list[Batch], flat_geodesics: Distances, teacher_file: Path
) -> None:
    """The exported people have no visible keypoints: nothing confirms the teacher."""
    batch = batches[0]
    assert not batch["crop_keypoints"][..., 2].any()
    losses = taught(distilling(RECIPE, flat_geodesics, teacher_file, pictures="photos"), batch)
    assert all(value == 0 for value in losses.values()), losses
    only_photos = {**batch, "crop_photo": torch.ones_like(batch["crop_photo"])}
    losses = taught(distilling(RECIPE, flat_geodesics, teacher_file, pictures="rendered"), only_photos)
    assert all(value == 0 for value in losses.values()), losses


class Copy(StudentTeacher):
    """Says of every crop what was known of it before, on smaller maps too."""

    def __init__(self, batch: Batch, spec: ModelSpec) -> None:
        self.spec, self.channels, self.identity = spec, STUDENT.feature_channels, {}
        self.batch = batch

    def look(self, crops: torch.Tensor) -> TeacherLook:
        part = self.batch["crop_maps"][:, 0].long()
        maps = {
            "foreground": torch.where(part > 0, 9.0, -9.0)[:, None],
            "parts": 18.0 * torch.nn.functional.one_hot((part - 1).clamp(0, 23), 24).permute(0, 3, 1, 2) - 9,
            "u": self.batch["crop_maps"][:, None, 1].expand(-1, 24, -1, -1) / 255,
            "v": self.batch["crop_maps"][:, None, 2].expand(-1, 24, -1, -1) / 255,
            "confidence": torch.full_like(part[:, None], 9).float(),
        }
        levels = [torch.zeros(len(crops), self.channels, 96 // s, 96 // s) for s in (4, 8, 16, 32)]
        return TeacherLook(maps, levels)

    def to(self, device: torch.device) -> None:
        pass


def test_a_student_learns_from_the_teacher_alone(batches: list[Batch], flat_geodesics: Distances) -> None:
    batch = {**batches[0], "crop_photo": torch.zeros(3, dtype=torch.bool)}
    batch["crop_maps"] = torch.where(batch["crop_maps"][:, :1] > 24, 0, batch["crop_maps"])
    nothing = LossWeights(**dict.fromkeys(asdict(LossWeights()), 0.0))
    recipe = replace(RECIPE, losses=nothing, distillation=Distillation("both", features=0.0))
    torch.manual_seed(0)
    task = DistillTask(recipe, flat_geodesics, Copy(batch, SPEC))
    task.train()
    optimizer = torch.optim.Adam([value for _, value in task.trained_parameters()], 2e-3)
    seen = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = task.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.8 * seen[0]


def test_only_the_student_is_saved_and_says_who_taught_it(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances, teacher_file: Path
) -> None:
    task = distilling(RECIPE, flat_geodesics, teacher_file)
    before = [parameter.clone() for parameter in task.adapters.parameters()]
    fit(task, Fixed(batches), tmp_path, {})
    student, header = load_student(tmp_path / STUDENT_NAME)
    assert student.spec == SPEC
    assert header["taught_by"]["file"] == "larger.safetensors"
    assert header["recipe"]["distillation"]["temperature"] == RECIPE.distillation.temperature
    assert all(not torch.equal(a, b) for a, b in zip(before, task.adapters.parameters(), strict=True))
    kept = torch.load(tmp_path / CHECKPOINT_NAME, weights_only=False)["state_dict"]
    assert {name.split(".")[0] for name in kept} == {"student", "averaged", "adapters"}


def test_a_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances, teacher_file: Path
) -> None:
    whole = distilling(RECIPE, flat_geodesics, teacher_file)
    fit(whole, Fixed(batches), tmp_path / "whole", {})
    half = replace(RECIPE, optimisation=replace(RECIPE.optimisation, max_steps=2))
    fit(distilling(half, flat_geodesics, teacher_file), Fixed(batches), tmp_path / "parts", {})
    resumed = distilling(RECIPE, flat_geodesics, teacher_file)
    fit(resumed, Fixed(batches, 2), tmp_path / "parts", {}, tmp_path / "parts" / CHECKPOINT_NAME)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_full_teacher_teaches_maps_and_features(
    tmp_path: Path, batches: list[Batch], flat_geodesics: Distances
) -> None:
    torch.manual_seed(3)
    save_teacher(tmp_path / "teacher.safetensors", Teacher(SMALL_TEACHER), {})
    task = distilling(RECIPE, flat_geodesics, tmp_path / "teacher.safetensors", pictures="rendered")
    assert task.teacher_size == 128
    losses = taught(task, batches[0])
    assert losses["loss/taught_features"] > 0
    assert losses["loss/taught_foreground"] > 0
    assert "loss/taught_presence" not in losses
    assert [len(adapter.weight) for adapter in task.adapters] == [24] * 4


def test_a_teacher_that_sees_other_crops_is_refused(flat_geodesics: Distances) -> None:
    other = StudentTeacher(Student(replace(SPEC, track_margin=1.6), 8), {})
    with pytest.raises(InputError, match=r"track_margin is 1\.6, the student's 1\.4"):
        DistillTask(RECIPE, flat_geodesics, other)


def test_other_files_are_no_teachers(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="do not exist"):
        load_teacher(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"pictures": "everything"}, "rendered, photos, both"),
        ({"temperature": 0}, r"distillation\.temperature"),
        ({"gate": {"limb": 2}}, r"distillation\.gate\.limb"),
        ({"gate": {"lamb": 2}}, "did you mean `distillation.gate.limb`"),
    ],
)
def test_plans_that_cannot_be_are_refused(plan: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe_from({"name": "tiny", "distillation": plan})


def test_photos_alone_need_photos(tmp_path: Path, teacher_file: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: tiny\ndistillation:\n  pictures: photos\n")
    words = [str(recipe), "--teacher", str(teacher_file), "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    outcome = CliRunner().invoke(app, words)
    assert isinstance(outcome.exception, InputError)
    assert "--photos" in str(outcome.exception)


@pytest.mark.parametrize(
    ("name", "pictures"),
    [("distill.yaml", "photos"), ("probe_distill.yaml", "both"), ("probe_distill_photos.yaml", "photos")],
)
def test_shipped_recipes_distil_on_photos(name: str, pictures: str) -> None:
    plan = load_recipe(Path(recipes.__file__).parent / name)
    assert plan.batch.photos > 0
    assert plan.distillation.pictures == pictures
