"""The training task of the teacher: detector, and every stage of the cascade on crops and regions of whole pictures."""

import copy
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.assets import asset_folder
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.data.draws import Draw, generator
from densepose_mobile.train.engine.averaged import AveragedTask, network_tensor
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.engine.rois import sample_rois
from densepose_mobile.train.losses.branches import keypoint_loss, mask_loss
from densepose_mobile.train.losses.charts import chart_losses
from densepose_mobile.train.losses.confidence import confidence_loss
from densepose_mobile.train.losses.dense import DenseTarget
from densepose_mobile.train.losses.normaliser import normalisers
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.movenet import WEIGHT_FILES
from densepose_mobile.train.models.teacher.cascade import StageMaps
from densepose_mobile.train.models.teacher.detector import PersonTruths
from densepose_mobile.train.models.teacher.network import Teacher, student_maps
from densepose_mobile.train.models.teacher.weights import load_teacher, save_teacher

__all__ = ["TEACHER_NAME", "TeacherTask"]

TEACHER_NAME: Final = "teacher.safetensors"
"""The averaged teacher, for distillation and for `--init`."""


class TeacherTask(AveragedTask):
    """Trains the teacher on the batches of `TrainingBatches`; `averaged` is what is evaluated and learned from.

    Without whole pictures in the batches the detector is left as it is.
    """

    slow = ("backbone.", "pose.pyramid.", "pose.heatmaps.", "pyramid.net.inner_blocks.")

    averaged: Teacher

    def __init__(self, recipe: Recipe, geodesics: Distances) -> None:
        super().__init__(recipe)
        self.teacher = Teacher(recipe.teacher).to(memory_format=torch.channels_last)
        self.spec = self.teacher.spec
        self.teacher.freeze(recipe.optimisation.frozen_stages)
        self.teacher.detector.requires_grad_(recipe.batch.whole > 0)
        self.averaged = copy.deepcopy(self.teacher).requires_grad_(False).eval()
        self._geodesics = geodesics

    @property
    def network(self) -> Teacher:
        """The teacher."""
        return self.teacher

    def save_weights(self, out: Path, header: dict[str, Any]) -> None:
        """Write the averaged teacher into the folder of the run."""
        save_teacher(out / TEACHER_NAME, self.averaged, header)

    def begin_from(self, path: Path) -> None:
        """Start from another teacher's weights; its sizes in pixels may be others.

        Raises AssetError as `load_teacher`, InputError for a teacher of another architecture.
        """
        other, _ = load_teacher(path)
        found = {name: value.shape for name, value in other.state_dict().items()}
        wanted = {name: value.shape for name, value in self.teacher.state_dict().items()}
        if found != wanted:
            raise InputError(
                f"{path} is a teacher of {other.design}, the recipe's is {self.teacher.design}; make `teacher` in the "
                "recipe agree"
            )
        self.teacher.load_state_dict(other.state_dict())

    def load_pretrained(self, weights: Path | None, assets: Path | None) -> None:
        """Start the backbone from a file, or the mobile one from MoveNet-Thunder's weights.

        Raises InputError for a ResNet with frozen batch norms and no weights: it would never learn their statistics.
        """
        backbone = self.teacher.backbone
        if weights is None and isinstance(backbone, MobileNetV2):
            weights = asset_folder(assets) / "weights" / WEIGHT_FILES[backbone.width]
        if weights is not None:
            self.teacher.load_pretrained(weights)
        elif self.teacher.design.backbone_norm == "frozen_batch":
            raise InputError(
                f"{self.teacher.design.backbone} with `backbone_norm: frozen_batch` needs pretrained weights; give "
                "--backbone FILE with torchvision's, or train it from scratch with `backbone_norm: group`"
            )

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Losses of one batch of whole pictures and crops."""
        parts: dict[str, Tensor] = {}
        if "crop_image" in batch:
            stages = self.teacher.crop_stages(self.teacher.fpn(network_tensor(batch["crop_image"])))
            parts |= self._stages("crop", stages, DenseTarget.of(batch["crop_maps"]), batch["crop_keypoints"], 1.0)
        if "whole_image" in batch:
            levels = self.teacher.fpn(network_tensor(batch["whole_image"]))
            features = self.teacher.decoder(levels)
            with torch.autocast(self.device.type, enabled=False):  # boxes need more than eight bits
                found = self.teacher.find(levels, self._truths(batch))
            boxes, scores = ([one.cpu().numpy() for one in each] for each in (found.boxes, found.scores))
            wy, wx, target, keypoints = sample_rois(
                self.recipe.seed, batch, boxes, scores, self.spec, self.recipe.rois_per_picture
            )
            stages = self.teacher.stages(features, wy, wx)
            parts |= self._stages("roi", stages, target, keypoints, self.recipe.teacher_losses.rois)
            factor = self.recipe.teacher_losses.detection
            counts = normalisers(*found.counts.values(), device=self.device)
            for (name, value), count in zip(found.losses.items(), counts, strict=True):
                parts[name] = value * (found.counts[name] / count) * factor
        return self.total(parts)

    def _truths(self, batch: Batch) -> PersonTruths:
        numbers = batch["whole_number"].tolist()
        seeds = [int(generator(self.recipe.seed, Draw.BOXES, number).integers(1 << 62)) for number in numbers]
        return PersonTruths.of(batch["whole_boxes"], batch["whole_kinds"], seeds)

    def _stages(
        self, kind: str, stages: list[StageMaps], target: DenseTarget, keypoints: Tensor, factor: float
    ) -> dict[str, Tensor]:
        weights = self.recipe.teacher_losses
        *early, last = (self._losses(maps, target, keypoints) for maps in stages)
        parts = {f"{kind}_{name}": value * factor for name, value in last.items()}
        if early:
            earlier = torch.stack([value for losses in early for value in losses.values()]).sum()
            parts[f"{kind}_early"] = earlier * weights.early * factor
        if weights.confidence:
            loss, right = confidence_loss(student_maps(stages[-1].dense), target, self._geodesics)
            parts[f"{kind}_confidence"] = loss * weights.confidence * factor
            self.latest[f"run/{kind}_right_cells"] = right
        return parts

    def _losses(self, maps: StageMaps, target: DenseTarget, keypoints: Tensor) -> dict[str, Tensor]:
        losses = chart_losses(maps.dense, target)
        if maps.keypoints is not None and maps.mask is not None:
            losses["keypoints"] = keypoint_loss(maps.keypoints, keypoints, self.spec.map_size)
            losses["mask"] = mask_loss(maps.mask, target)
        return {name: value * getattr(self.recipe.teacher_losses, name) for name, value in losses.items()}
