"""The training task: student, averaged student, losses and optimiser as a Lightning module."""

import copy
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.engine.averaged import AveragedTask, network_tensor
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.engine.rois import training_rois
from densepose_mobile.train.losses.confidence import confidence_loss
from densepose_mobile.train.losses.dense import DenseTarget, dense_loss
from densepose_mobile.train.losses.detection import detection_loss
from densepose_mobile.train.losses.track import track_loss
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import save_student

__all__ = ["STUDENT_NAME", "StudentTask"]

STUDENT_NAME: Final = "student.safetensors"
"""The averaged student, for `convert` and for `--init`."""


class StudentTask(AveragedTask):
    """Trains the student on the batches of `RenderedBatches`; `averaged` is what is evaluated and exported."""

    slow = ("backbone.", "pyramid.laterals.", "track_head.reduce.")
    """Backbone features are up to seven times unit deviation, and a step of Adam does not shrink with them: at the
    heads' rate the layers that read them saturate the ReLU6 behind them within a thousand steps."""

    averaged: Student

    def __init__(self, recipe: Recipe, geodesics: Distances) -> None:
        super().__init__(recipe)
        self.spec = recipe.student.spec()
        self.student = Student(self.spec, recipe.student.head_width).to(memory_format=torch.channels_last)
        self.student.backbone.freeze(recipe.optimisation.frozen_stages)
        self.averaged = copy.deepcopy(self.student).requires_grad_(False).eval()
        self._geodesics = geodesics

    @property
    def network(self) -> Student:
        """The student."""
        return self.student

    def save_weights(self, out: Path, header: dict[str, Any]) -> None:
        """Write the averaged student into the folder of the run."""
        data = {"pictures": self.pictures, "shards": len(self.reads)}
        save_student(out / STUDENT_NAME, self.averaged, {**header, "data": data})

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Losses of one batch of whole pictures and crops."""
        for name in batch["finished"]:
            self.reads[name] = self.reads.get(name, 0) + 1
        self.pictures += batch["pictures"]
        weights = self.recipe.losses
        parts: dict[str, Tensor] = {}
        bfloat16 = self.recipe.precision == "bf16"
        if "crop_image" in batch:
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                out = self.student.track(network_tensor(batch["crop_image"]))
            parts |= self._dense("crop", out, DenseTarget.of(batch["crop_maps"]), 1.0)
            track = track_loss(out["presence"], out["box"], batch["crop_presence"], batch["crop_box"])
            parts |= {name: value * getattr(weights, name) for name, value in track.items()}
        if "whole_image" in batch:
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                found = self.student.detect(network_tensor(batch["whole_image"]))
            rng = np.random.default_rng((self.recipe.seed, self.global_step))
            count = self.recipe.rois_per_picture
            wy, wx, target = training_rois(rng, batch, found["scores"], found["boxes"], self.spec, count)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                maps = self.student.dense(found["features"], wy, wx)
            parts |= self._dense("roi", maps, target, weights.rois)
            detection = detection_loss(
                found["scores"], found["boxes"], batch["whole_boxes"], batch["whole_kinds"], self.spec
            )
            parts |= {name: value * getattr(weights, name) for name, value in detection.items()}
        return self.total(parts)

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
