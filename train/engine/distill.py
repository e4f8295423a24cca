"""The distillation task: a student that learns from a frozen teacher beside what it learns from annotations."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.engine.averaged import network_tensor
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.engine.task import StudentTask
from densepose_mobile.train.engine.teachers import DenseTeacher
from densepose_mobile.train.losses.dense import DenseTarget
from densepose_mobile.train.losses.distill import Lesson, channel_loss, lesson_loss, person_loss
from densepose_mobile.train.losses.normaliser import normalisers
from densepose_mobile.train.losses.trust import agrees_with_joints, compatible

__all__ = ["DistillTask"]

_LEVELS = 4  # of either pyramid


class DistillTask(StudentTask):
    """`StudentTask` with a teacher that looks at the crops; neither it nor the adapters leave with the student.

    adapters: 1x1 convolutions of the student's levels to the teacher's channels, where these differ.
    """

    def __init__(self, recipe: Recipe, geodesics: Distances, teacher: DenseTeacher) -> None:
        """Raises InputError for a teacher whose crops are framed otherwise than the student's."""
        super().__init__(recipe, geodesics)
        for name in ("track_margin", "roi_margin"):
            own, other = getattr(self.spec, name), getattr(teacher.spec, name)
            if own != other:
                raise InputError(f"the teacher's {name} is {other}, the student's {own}: they would see other crops")
        self.teacher = teacher  # no module: it is neither trained nor kept in checkpoints
        self.teacher_size = teacher.spec.track_size
        width = self.spec.feature_channels
        wanted = recipe.distillation.features > 0 and width != teacher.channels
        self.adapters = nn.ModuleList(nn.Conv2d(width, teacher.channels, 1) for _ in range(_LEVELS if wanted else 0))

    def on_fit_start(self) -> None:
        """Take the teacher to where the student is."""
        self.teacher.to(self.device)

    def save_weights(self, out: Path, header: dict[str, Any]) -> None:
        """Write the averaged student, and who taught it, into the folder of the run."""
        super().save_weights(out, {**header, "taught_by": self.teacher.identity})

    def trained_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Those of the student, and the adapters."""
        return [*super().trained_parameters(), *self.adapters.named_parameters(prefix="adapters")]

    def lessons(self, batch: Batch, levels: list[Tensor], out: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of the crops that the teacher looks at."""
        plan = self.recipe.distillation
        photo: Tensor = batch["crop_photo"]
        rows = {"rendered": ~photo, "photos": photo, "both": torch.ones_like(photo)}[plan.pictures].nonzero()[:, 0]
        real = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        if not len(rows):  # another process may have some, and meets this one at every count that they share
            rows, real = rows.new_zeros(1), real.new_zeros(1)
        seen = self.teacher.look(network_tensor(batch["crop_large"][rows]))
        levels = [level[rows] for level in levels]
        if plan.features and self.adapters:
            levels = [adapter(level) for adapter, level in zip(self.adapters, levels, strict=True)]
        lesson = Lesson.of(seen.maps, self.spec.map_size)
        target = DenseTarget.of(batch["crop_maps"][rows])
        asked, trust = self._trust(lesson, target, photo[rows], batch["crop_keypoints"][rows])
        asked, trust = asked & real[:, None, None], trust & real[:, None, None]
        said = trust & (lesson.part > 0)
        believed = (real & (~photo[rows] | said.flatten(1).any(1))).float()
        crops, cells = normalisers(real.sum(), (asked & target.foreground).sum(), device=rows.device)
        weight = torch.where(lesson.part > 0, lesson.confidence, 1.0) * trust
        parts = lesson_loss({name: value[rows] for name, value in out.items()}, lesson, asked, weight, plan.temperature)
        if plan.features:
            pairs = zip(levels, seen.levels, strict=True)
            each = [channel_loss(own, other, believed, plan.feature_temperature, crops) for own, other in pairs]
            parts["features"] = torch.stack(each).mean()
        if seen.presence is not None and seen.box is not None:
            parts |= person_loss(out["presence"][rows], out["box"][rows], seen.presence, seen.box, believed, crops)
        self.latest["run/taught_cells"] = said.sum() / cells
        return {f"taught_{name}": value * getattr(plan, name) for name, value in parts.items() if getattr(plan, name)}

    def _trust(self, lesson: Lesson, target: DenseTarget, photo: Tensor, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Cells (N, m, m) that are asked, and those of them where the teacher is believed: bool."""
        known = target.foreground | ~photo[:, None, None]
        trust = known & compatible(lesson.part, target.part)
        if photo.any():
            gate = self.recipe.distillation.gate
            confirmed = agrees_with_joints(lesson.part[photo], target.foreground[photo], keypoints[photo], gate)
            trust[photo] &= confirmed
        return known, trust
