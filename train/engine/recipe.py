"""Training recipes: a frozen dataclass read from YAML, where an unknown key is an error that names the nearest one."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.looks import BatchPlan
from densepose_mobile.train.data.person_crops import CropPlan
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.engine.distillation import Distillation
from densepose_mobile.train.engine.recipe_bounds import check_bounds
from densepose_mobile.train.models.teacher.spec import TeacherSpec

__all__ = [
    "Evaluation",
    "InpaintingPlan",
    "LossWeights",
    "Optimisation",
    "Precision",
    "Recipe",
    "StudentPlan",
    "Task",
    "TeacherLosses",
    "load_recipe",
    "recipe_from",
    "save_recipe",
    "with_steps",
]

Task = Literal["student", "teacher", "inpainting"]
"""What can be trained: the device's network, one that it learns from, or one that fills in annotated people."""

Precision = Literal["auto", "bf16", "fp16", "fp32"]
"""Of the network's arithmetic; losses and weights are float32 in all of them."""


@dataclass(frozen=True)
class StudentPlan:
    """Sizes of the student. Maps have twice the cells of the pooled RoI."""

    detect_size: int = 320  # px, whole pictures, a multiple of 32
    track_size: int = 192  # px, one person's crop, a multiple of 32
    feature_channels: int = 64  # of the pyramid
    roi_size: int = 28  # cells, even; maps have twice as many
    head_width: int = 96  # channels of the dense head

    def spec(self) -> ModelSpec:
        """The contract of the graphs.

        Raises InputError for a size that the network cannot have.
        """
        for name, size, least in (("detect_size", self.detect_size, 64), ("track_size", self.track_size, 96)):
            if size % 32 or size < least:
                raise InputError(f"`student.{name}` is {size}; a multiple of 32 from {least} on is expected")
        if self.roi_size % 2 or self.roi_size < 4:
            raise InputError(f"`student.roi_size` is {self.roi_size}; an even number from 4 on is expected")
        return ModelSpec(
            detect_size=self.detect_size,
            track_size=self.track_size,
            feature_channels=self.feature_channels,
            roi_size=self.roi_size,
            map_size=2 * self.roi_size,
        )


@dataclass(frozen=True)
class InpaintingPlan:
    """The inpainting network and its check."""

    width: int = 64  # channels
    kept_back: int = 5  # every so-many-th surface point of a person is not trained on; 0: all are
    checked_people: int = 200  # whose points are looked at in an evaluation
    crops: CropPlan = field(default_factory=CropPlan)

    def check(self) -> None:
        """Raise InputError for a size or share that cannot be."""
        if self.crops.size % 32 or self.crops.size < 32:
            raise InputError(f"`inpainting.crops.size` is {self.crops.size}; a multiple of 32 is expected")
        if self.kept_back == 1 or self.kept_back < 0:
            raise InputError(f"`inpainting.kept_back` is {self.kept_back}; 0, or from 2 on, or no point is left")


@dataclass(frozen=True)
class LossWeights:
    """Factor of each loss; `rois` scales the dense losses of whole pictures against those of crops."""

    foreground: float = 1.0  # cross-entropy of person against background
    dice: float = 1.0  # overlap of the silhouette
    parts: float = 1.0  # cross-entropy of the 24 parts
    uv: float = 5.0  # surface coordinates on the true part
    confidence: float = 0.2  # is the surface point right within its part's kappa?
    rois: float = 0.6  # of all of these in regions of whole pictures, against those in crops
    score: float = 1.0  # of the detector's locations
    box: float = 1.0  # of the detector
    presence: float = 0.3  # is the person in the crop?
    place: float = 0.5  # box in the crop


@dataclass(frozen=True)
class TeacherLosses:
    """Factor of each loss of a teacher. Those of the dense maps are the field's; see `losses.charts`."""

    coarse: float = 5.0  # cross-entropy of person, or of the coarse part
    fine: float = 1.0  # cross-entropy of the part
    uv: float = 0.01  # of a sum over points; with `teacher.uv_confidence` a twentieth of it does
    confidence: float = 0.2  # as of a student
    keypoints: float = 0.1  # their cross-entropy begins at 8, the logarithm of the cells
    mask: float = 1.0  # silhouette, of the mask branch
    early: float = 0.5  # of all of these in the stages before the last
    rois: float = 1.0  # of the losses of regions of whole pictures against those of crops
    detection: float = 1.0  # proposals and boxes


@dataclass(frozen=True)
class Optimisation:
    """Warm-up and one of two schedules.

    "extendable": inverse square root decay from `steady_steps` on, and a linear cool-down at the end, if any: until
    then the rate does not depend on the length of the run. "cosine": half a cosine from the warm-up to zero at
    `max_steps`.
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"  # sgd has momentum 0.9
    lr: float = 1e-3  # after the warm-up
    backbone_lr: float = 0.15  # of lr, for the backbone and the layers that read its features
    weight_decay: float = 0.01  # of all but biases
    schedule: Literal["extendable", "cosine"] = "extendable"  # cosine falls to 0 at max_steps
    warmup_steps: int = 500  # lr rises linearly
    steady_steps: int = 4000  # extendable: lr falls as sqrt(steady / step) after these; 0: it stays
    cooldown_steps: int = 0  # extendable: last steps of the run, lr falls linearly to 0
    max_steps: int = 1_000_000  # length of the run
    accumulate: int = 1  # batches whose gradients are averaged for a step
    clip: float = 5.0  # gradient norm
    ema: float = 0.999  # share that the average keeps at each step
    frozen_stages: int = 1  # of the backbone, from the stem on; all four with the pose branch on it


@dataclass(frozen=True)
class Evaluation:
    """What is looked at while training."""

    every_steps: int = 1000  # an evaluation
    synthetic_pictures: int = 96  # of --val
    real_pictures: int = 29  # of coco_mini's train2017 photos, among the assets; 0: none
    shown_pictures: int = 8  # painted in the sheet of predictions
    log_every_steps: int = 50  # a line of figures


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, besides data and machine."""

    name: str  # any word
    task: Task = "student"  # the network that is trained
    seed: int = 0  # decides the stream and the first weights
    precision: Precision = "auto"  # auto takes the fastest that is safe on the device
    rois_per_picture: int = 3  # regions of each whole picture for the dense head
    threads: int = 1  # of each training process, on a CPU
    workers: int = 1  # loading processes of each training process, a thread each
    checkpoint_minutes: float = 5.0  # between two checkpoints
    student: StudentPlan = field(default_factory=StudentPlan)
    teacher: TeacherSpec = field(default_factory=TeacherSpec)
    teacher_losses: TeacherLosses = field(default_factory=TeacherLosses)
    inpainting: InpaintingPlan = field(default_factory=InpaintingPlan)
    batch: BatchPlan = field(default_factory=BatchPlan)
    augmentation: Augmentation = field(default_factory=Augmentation)
    losses: LossWeights = field(default_factory=LossWeights)
    distillation: Distillation = field(default_factory=Distillation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    evaluation: Evaluation = field(default_factory=Evaluation)


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """The recipe of a nested mapping.

    Raises:
        InputError: an unknown key (the message names the nearest), a missing name, a value of another type.
    """
    if "name" not in values:
        raise InputError("a recipe needs a `name`")
    recipe: Recipe = _build(Recipe, values, "")
    _check(recipe)
    return recipe


def with_steps(recipe: Recipe, max_steps: int | None, cooldown_steps: int | None) -> Recipe:
    """The recipe with another length or cool-down; InputError as `recipe_from`."""
    plan = recipe.optimisation
    if max_steps is not None:
        plan = replace(plan, max_steps=max_steps)
    if cooldown_steps is not None:
        plan = replace(plan, cooldown_steps=cooldown_steps)
    recipe = replace(recipe, optimisation=plan)
    _check(recipe)
    return recipe


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; InputError as `recipe_from`, or when the file is missing or no YAML mapping."""
    if not path.is_file():
        raise InputError(
            f"recipe {path} does not exist; the shipped ones are in {Path(__file__).parents[1] / 'recipes'}"
        )
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"recipe {path} is no YAML: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"recipe {path} must be a mapping of keys to values")
    try:
        return recipe_from(values)
    except InputError as error:
        raise InputError(f"recipe {path}: {error}") from error


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write the resolved recipe, every default spelled out."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(yaml.safe_dump(json.loads(json.dumps(asdict(recipe))), sort_keys=False))
    partial.replace(path)


def _check(recipe: Recipe) -> None:
    """Raise InputError for values that cannot be, alone or together."""
    recipe.student.spec()
    recipe.inpainting.check()
    check_bounds(recipe)
    plan = recipe.optimisation
    if plan.schedule == "cosine" and plan.cooldown_steps:
        raise InputError(
            f"`optimisation.cooldown_steps` is {plan.cooldown_steps}, but the cosine schedule ends at zero by itself: "
            "leave it out, or say `schedule: extendable`"
        )


def _build(kind: type[Any], values: Any, prefix: str) -> Any:
    if not isinstance(values, Mapping):
        raise InputError(f"`{prefix.rstrip('.')}` must be a mapping, not {values!r}")
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    found: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, 1, 0.0)
            raise InputError(f"unknown key `{prefix}{key}`; did you mean `{prefix}{nearest[0]}`?")
        expected = hints[key]
        if get_origin(expected) is Literal:
            if value not in get_args(expected):
                raise InputError(f"`{prefix}{key}` is {value!r}; one of {', '.join(get_args(expected))} is expected")
            found[key] = value
        elif is_dataclass(expected):
            found[key] = _build(expected, value, f"{prefix}{key}.")  # type: ignore[arg-type]
        elif get_origin(expected) is tuple:
            kind_of = get_args(expected)[0]
            if not isinstance(value, list) or not all(type(item) is kind_of for item in value):
                raise InputError(f"`{prefix}{key}` is {value!r}; a list of {kind_of.__name__} is expected")
            found[key] = tuple(value)
        elif expected is float and isinstance(value, int) and not isinstance(value, bool):
            found[key] = float(value)
        elif not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise InputError(f"`{prefix}{key}` is {value!r}; a {expected.__name__} is expected")
        else:
            found[key] = value
    return kind(**found)
