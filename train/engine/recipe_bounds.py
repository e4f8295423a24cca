"""What the numbers of a recipe may be, beyond their types."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Final

from densepose_mobile.errors import InputError

if TYPE_CHECKING:
    from densepose_mobile.train.engine.recipe import Recipe

__all__ = ["check_bounds"]

_FROM_ONE: Final = (
    "threads", "rois_per_picture",
    "student.feature_channels", "student.head_width",
    "inpainting.width", "inpainting.crops.batch",
    "batch.crops_per_picture",
    "optimisation.accumulate", "optimisation.max_steps",
    "evaluation.every_steps", "evaluation.log_every_steps",
)  # fmt: skip

_FROM_ZERO: Final = (
    "seed", "workers", "checkpoint_minutes",
    "batch.whole", "batch.crops",
    "augmentation.rotation", "augmentation.shift", "augmentation.scale", "augmentation.negatives",
    "optimisation.lr", "optimisation.backbone_lr", "optimisation.weight_decay",
    "optimisation.warmup_steps", "optimisation.steady_steps", "optimisation.cooldown_steps",
    "evaluation.synthetic_pictures", "evaluation.real_pictures", "evaluation.shown_pictures",
)  # fmt: skip

_ABOVE_ZERO: Final = ("optimisation.clip", "distillation.temperature", "distillation.feature_temperature")

_SHARES: Final = (
    "batch.photos", "batch.guests",
    "augmentation.photometric", "augmentation.photometric_share", "augmentation.flip", "augmentation.window",
    "augmentation.occluder", "augmentation.rotate", "augmentation.zoom",
    "distillation.gate.joint", "distillation.gate.limb", "distillation.gate.person",
    "inpainting.crops.maskless",
    "optimisation.ema",
)  # fmt: skip

_WEIGHTS: Final = ("losses", "teacher_losses")
"""Sections of factors of losses."""

_STAGES: Final = 4
"""Of every backbone."""


def check_bounds(recipe: "Recipe") -> None:
    """Raise InputError for a number of a recipe that cannot be; the message names the key."""
    weights = [f"{section}.{name}" for section in _WEIGHTS for name in vars(getattr(recipe, section))]
    _check(recipe, _FROM_ONE, lambda value: value >= 1, "1 or more")
    _check(recipe, (*_FROM_ZERO, *weights), lambda value: value >= 0, "0 or more")
    _check(recipe, _ABOVE_ZERO, lambda value: value > 0, "more than 0")
    _check(recipe, _SHARES, lambda value: 0 <= value <= 1, "a share of 0 to 1")
    _check(recipe, ["optimisation.frozen_stages"], lambda value: 0 <= value <= _STAGES, f"0 to {_STAGES}")
    if not recipe.batch.whole + recipe.batch.crops:
        raise InputError("`batch.whole + batch.crops` is 0; 1 or more is expected")


def _check(recipe: "Recipe", keys: Sequence[str], fits: Callable[[float], bool], expected: str) -> None:
    for key in keys:
        value: float = reduce(getattr, key.split("."), recipe)  # type: ignore[assignment, arg-type]
        if not fits(value):
            raise InputError(f"`{key}` is {value}; {expected} is expected")
