"""What a recipe says of distillation: how much each lesson weighs, and where the teacher is believed."""

from dataclasses import dataclass, field
from typing import Literal

from densepose_mobile.train.losses.trust import Gate

__all__ = ["Distillation"]


@dataclass(frozen=True)
class Distillation:
    """Factors of what crops teach, 0 for none. What is annotated is learnt beside it, as without a teacher."""

    pictures: Literal["rendered", "photos", "both"] = "photos"  # whose crops the teacher looks at
    temperature: float = 2.0  # of foreground and parts
    foreground: float = 0.5  # divergence from the teacher's
    parts: float = 1.0  # divergence from the teacher's
    uv: float = 5.0  # on the teacher's part
    features: float = 0.0  # of the pyramid's levels
    feature_temperature: float = 1.0  # of their distribution over the cells
    presence: float = 0.1  # of a teacher that says it
    place: float = 0.2  # of a teacher that says it
    gate: Gate = field(default_factory=Gate)
