"""What every training task shares: a network and its moving average, the optimiser, draws that can be repeated."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import lightning
import torch
from torch import Tensor, nn

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.data.draws import Draw, generator
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.engine.schedule import lr_factor

__all__ = ["AveragedTask", "network_tensor"]


def network_tensor(image: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) float32, (x - 127.5) / 127.5, channels last in memory."""
    return image.permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)


class AveragedTask(lightning.LightningModule, ABC):
    """Trains `network`; its moving average `averaged` is what is evaluated and saved."""

    slow: ClassVar[tuple[str, ...]]
    """Beginnings of the names of the parameters that learn at the backbone's rate."""

    averaged: nn.Module

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.metrics: dict[str, float] = {}  # of the latest evaluation
        self.latest: dict[str, Tensor] = {}  # of the latest step, for the log

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """What is trained."""

    @abstractmethod
    def save_weights(self, out: Path, header: dict[str, Any]) -> None:
        """Write the averaged network into the folder of the run. header: `data` says what was looked at."""

    @abstractmethod
    def begin_from(self, path: Path) -> None:
        """Start from saved weights."""

    @abstractmethod
    def load_pretrained(self, weights: Path | None, assets: Path | None) -> None:
        """Start the backbone from pretrained weights: a file, or else what the folder of assets holds for it."""

    def start_average(self) -> None:
        """Let the average start from the network (after pretrained weights were loaded)."""
        self.averaged.load_state_dict(self.network.state_dict())

    def trained_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Names and values of what is trained: the network's, and what a task needs beside it."""
        return list(self.network.named_parameters())

    def configure_optimizers(self) -> Any:
        """The backbone and what reads its features have their own rate, biases do not decay."""
        plan = self.recipe.optimisation
        rated = self._groups()
        optimizer: torch.optim.Optimizer
        fused = self.recipe.precision != "fp16"  # a fused step unscales gradients after they were clipped
        if plan.optimizer == "sgd":
            optimizer = torch.optim.SGD(rated, momentum=0.9, fused=fused)
        else:
            optimizer = torch.optim.AdamW(rated, fused=fused)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(step, plan))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters that share a rate and a weight decay, as optimisers take them."""
        plan = self.recipe.optimisation
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.trained_parameters():
            if parameter.requires_grad:
                groups.setdefault((name.startswith(self.slow), parameter.ndim > 1), []).append(parameter)
        return [
            {
                "params": parameters,
                "lr": plan.lr * (plan.backbone_lr if backbone else 1.0),
                "weight_decay": plan.weight_decay if weights else 0.0,
            }
            for (backbone, weights), parameters in groups.items()
        ]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Raise InputError for a checkpoint whose optimiser trained other parameters."""
        (state,) = checkpoint["optimizer_states"]
        trained = [len(group["params"]) for group in state["param_groups"]]
        if trained != [len(group["params"]) for group in self._groups()]:
            raise InputError(
                "the checkpoint is of a run that trained other layers: resume with the recipe's "
                "`optimisation.frozen_stages` and losses of then, or begin another run from its weights with --init"
            )

    def on_train_start(self) -> None:
        """Let the recipe's rates and decay count where a run is resumed: a checkpoint brings those of then."""
        plan = self.recipe.optimisation
        for optimizer, config in zip(self.trainer.optimizers, self.trainer.lr_scheduler_configs, strict=True):
            schedule = config.scheduler
            for group, own in zip(optimizer.param_groups, self._groups(), strict=True):
                group["weight_decay"], group["initial_lr"] = own["weight_decay"], own["lr"]
                group["lr"] = own["lr"] * lr_factor(schedule.last_epoch, plan)
            schedule.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]

    def total(self, parts: dict[str, Tensor]) -> Tensor:
        """Sum of the losses, which are kept for the log. Raises FloatingPointError for one that is not finite."""
        total: Tensor = torch.stack(list(parts.values())).sum()
        if not total.isfinite():
            bad = ", ".join(f"{name} {float(value):.3g}" for name, value in parts.items() if not value.isfinite())
            raise FloatingPointError(f"loss is not finite at step {self.global_step}: {bad}; resume with a lower lr")
        self.latest.update({f"loss/{name}": value.detach() for name, value in parts.items()})
        self.latest["loss/total"] = total.detach()
        return total

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip by global norm and keep the norm for the log; a gradient that is not finite skips the step."""
        trained = [p for _, p in self.trained_parameters() if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(trained, self.recipe.optimisation.clip).detach()
        self.latest["run/gradient_norm"] = norm
        if not norm.isfinite():
            optimizer.zero_grad()

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Let what torch draws in a batch depend on seed, number and process alone: a resumed run repeats it."""
        draw = generator(self.recipe.seed, Draw.TORCH, batch["number"], self.global_rank)
        torch.manual_seed(int(draw.integers(1 << 62)))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, and move the average; early on it follows faster."""
        super().optimizer_step(*args, **kwargs)
        step = self.global_step + 1
        keep = min(self.recipe.optimisation.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            averaged = [p.detach() for p in self.averaged.parameters()]
            current = [p.detach() for p in self.network.parameters()]
            torch._foreach_lerp_(averaged, current, 1 - keep)
