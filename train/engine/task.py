"""The training task: student, averaged student, losses and optimiser as a Lightning module."""

import copy
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.assets import asset_folder
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.engine.averaged import AveragedTask, network_tensor
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.engine.rois import training_rois
from densepose_mobile.train.losses.confidence import confidence_loss
from densepose_mobile.train.losses.dense import DenseTarget, dense_loss
from densepose_mobile.train.losses.detection import detection_loss
from densepose_mobile.train.losses.track import track_loss
from densepose_mobile.train.models.movenet import WEIGHT_FILES
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import begin_from, save_student

__all__ = ["STUDENT_NAME", "StudentTask"]

STUDENT_NAME: Final = "student.safetensors"
"""The averaged student, for `convert` and for `--init`."""


class StudentTask(AveragedTask):
    """Trains the student on the batches of `TrainingBatches`; `averaged` is what is evaluated and exported."""

    slow = ("backbone.", "pose.pyramid.", "pose.heatmaps.", "detector.", "pyramid.laterals.", "track_head.reduce.")
    """Backbone features are up to seven times unit deviation, and a step of Adam does not shrink with them: at the
    heads' rate the layers that read them saturate the ReLU6 behind them within a thousand steps."""

    averaged: Student

    teacher_size = 0
    """Side of the crops that a teacher looks at, px; 0 without one."""

    def __init__(self, recipe: Recipe, geodesics: Distances) -> None:
        super().__init__(recipe)
        self.spec = recipe.student.spec()
        self.student = Student(self.spec, recipe.student.head_width).to(memory_format=torch.channels_last)
        self.student.freeze(recipe.optimisation.frozen_stages)
        # With gradients of zero its weights would still decay.
        self.student.detector.requires_grad_(recipe.losses.score > 0 or recipe.losses.box > 0)
        self.averaged = copy.deepcopy(self.student).requires_grad_(False).eval()
        self._geodesics = geodesics

    @property
    def network(self) -> Student:
        """The student."""
        return self.student

    def save_weights(self, out: Path, header: dict[str, Any]) -> None:
        """Write the averaged student into the folder of the run."""
        save_student(out / STUDENT_NAME, self.averaged, header)

    def begin_from(self, path: Path) -> None:
        """Start from another student's weights, whose sizes may be others. Raises as `begin_from` of the weights."""
        begin_from(self.student, path)

    def load_pretrained(self, weights: Path | None, assets: Path | None) -> None:
        """Start the backbone from MoveNet's weights."""
        width = self.student.backbone.width
        self.student.load_pretrained(weights or asset_folder(assets) / "weights" / WEIGHT_FILES[width])

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Losses of one batch of whole pictures and crops."""
        weights = self.recipe.losses
        parts: dict[str, Tensor] = {}
        if "crop_image" in batch:
            levels, out = self.student.look(network_tensor(batch["crop_image"]))
            parts |= self._dense("crop", out, DenseTarget.of(batch["crop_maps"]), 1.0)
            track = track_loss(out["presence"], out["box"], batch["crop_presence"], batch["crop_box"])
            parts |= {name: value * getattr(weights, name) for name, value in track.items()}
            parts |= self.lessons(batch, levels, out)
        if "whole_image" in batch:
            found = self.student.detect(network_tensor(batch["whole_image"]))
            wy, wx, target = training_rois(
                self.recipe.seed, batch, found["scores"], found["boxes"], self.spec, self.recipe.rois_per_picture
            )
            maps = self.student.dense(found["features"], wy, wx)
            parts |= self._dense("roi", maps, target, weights.rois)
            detection = detection_loss(
                found["scores"], found["boxes"], batch["whole_boxes"], batch["whole_kinds"], self.spec
            )
            parts |= {name: value * getattr(weights, name) for name, value in detection.items()}
        return self.total(parts)

    def lessons(self, batch: Batch, levels: list[Tensor], out: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses that somebody else teaches beside the annotations; levels, out: the student's look at the crops."""
        return {}

    def _dense(self, kind: str, maps: dict[str, Tensor], target: DenseTarget, factor: float) -> dict[str, Tensor]:
        weights = self.recipe.losses
        losses = {
            f"{kind}_{name}": value * getattr(weights, name) * factor
            for name, value in dense_loss(maps, target).items()
        }
        if weights.confidence:
            loss, right = confidence_loss(maps, target, self._geodesics)
            losses[f"{kind}_confidence"] = loss * weights.confidence * factor
            self.latest[f"run/{kind}_right_cells"] = right
        return losses
