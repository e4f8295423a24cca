"""The training task: student, averaged student, losses and optimiser as a Lightning module."""

import copy
from typing import Any, Final

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.engine.rois import training_rois
from densepose_mobile.train.engine.schedule import lr_factor
from densepose_mobile.train.losses.confidence import confidence_loss
from densepose_mobile.train.losses.dense import DenseTarget, dense_loss
from densepose_mobile.train.losses.detection import detection_loss
from densepose_mobile.train.losses.track import track_loss
from densepose_mobile.train.models.student import Student

__all__ = ["StudentTask", "network_tensor"]

_SLOW: Final = ("backbone.", "pyramid.laterals.", "track_head.reduce.")
"""Layers of the lower rate. Backbone features are up to seven times unit deviation, and a step of Adam does not shrink
with them: at the heads' rate these layers saturate the ReLU6 behind them within a thousand steps."""


def network_tensor(image: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) float32, (x - 127.5) / 127.5, channels last in memory."""
    return image.permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)


class StudentTask(lightning.LightningModule):
    """Trains the student on the batches of `RenderedBatches`; `averaged` is what is evaluated and exported."""

    def __init__(self, recipe: Recipe, geodesics: Distances) -> None:
        super().__init__()
        self.recipe = recipe
        self.spec = recipe.student.spec()
        self.student = Student(self.spec, recipe.student.head_width).to(memory_format=torch.channels_last)
        self.student.backbone.freeze(recipe.optimisation.frozen_stages)
        self.averaged = copy.deepcopy(self.student).requires_grad_(False).eval()
        self.reads: dict[str, int] = {}  # how often each shard was read to its end
        self.pictures = 0  # decoded so far
        self.metrics: dict[str, float] = {}  # of the latest evaluation
        self.latest: dict[str, Tensor] = {}  # of the latest step, for the log
        self._geodesics = geodesics

    def start_average(self) -> None:
        """Let the averaged student start from the student (after pretrained weights were loaded)."""
        self.averaged.load_state_dict(self.student.state_dict())

    def configure_optimizers(self) -> Any:
        """AdamW; the backbone and what reads its features has its own rate, biases do not decay."""
        plan = self.recipe.optimisation
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.student.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((name.startswith(_SLOW), parameter.ndim > 1), []).append(parameter)
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "lr": plan.lr * (plan.backbone_lr if backbone else 1.0),
                    "weight_decay": plan.weight_decay if weights else 0.0,
                }
                for (backbone, weights), parameters in groups.items()
            ],
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(step, plan))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

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
        total: Tensor = torch.stack(list(parts.values())).sum()
        if not total.isfinite():
            bad = ", ".join(f"{name} {float(value):.3g}" for name, value in parts.items() if not value.isfinite())
            raise FloatingPointError(f"loss is not finite at step {self.global_step}: {bad}; resume with a lower lr")
        self.latest.update({f"loss/{name}": value.detach() for name, value in parts.items()})
        self.latest["loss/total"] = total.detach()
        return total

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

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip by global norm and keep the norm for the log; a gradient that is not finite skips the step."""
        trained = [p for p in self.student.parameters() if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(trained, self.recipe.optimisation.clip).detach()
        self.latest["run/gradient_norm"] = norm
        if not norm.isfinite():
            optimizer.zero_grad()

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        """Move the average; early on it follows faster."""
        step = self.global_step
        keep = min(self.recipe.optimisation.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            averaged = [p.detach() for p in self.averaged.parameters()]
            current = [p.detach() for p in self.student.parameters()]
            torch._foreach_lerp_(averaged, current, 1 - keep)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the place in the data."""
        checkpoint["data"] = {"reads": dict(self.reads), "pictures": self.pictures}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the place in the data up again."""
        self.reads = dict(checkpoint["data"]["reads"])
        self.pictures = int(checkpoint["data"]["pictures"])
