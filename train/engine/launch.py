"""On what a run computes: the processes that torchrun started, their devices, the precision. Decided here alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import torch
from lightning.pytorch.strategies import DDPStrategy, Strategy

from densepose_mobile.errors import InputError
from densepose_mobile.train.engine.recipe import Precision

__all__ = ["Launch"]

_PRECISIONS: Final[dict[Precision, str]] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
_PATIENCE: Final = timedelta(hours=2)  # the others wait while the first process evaluates, or waits for a shard


@dataclass(frozen=True)
class Launch:
    """The processes that train together; one process where none were started by torchrun.

    accelerator: "cuda" where there is a GPU, else "cpu". rank: of this process among all. world: how many they are.
    local: how many of them run on this machine.
    """

    accelerator: str
    rank: int = 0
    world: int = 1
    local: int = 1

    @classmethod
    def found(cls, environment: Mapping[str, str] = os.environ) -> "Launch":
        """From torchrun's environment. Raises InputError when it started more processes here than there are GPUs."""
        launch = cls(
            "cuda" if torch.cuda.is_available() else "cpu",
            int(environment.get("RANK", 0)),
            int(environment.get("WORLD_SIZE", 1)),
            int(environment.get("LOCAL_WORLD_SIZE", 1)),
        )
        if launch.accelerator == "cuda" and launch.local > torch.cuda.device_count():
            raise InputError(
                f"torchrun started {launch.local} processes here, but there are {torch.cuda.device_count()} GPUs: say "
                f"--nproc-per-node {torch.cuda.device_count()}, or hide the GPUs with CUDA_VISIBLE_DEVICES="
            )
        return launch

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes the run's files."""
        return self.rank == 0

    def precision(self, wished: Precision) -> Precision:
        """bf16, fp16 or fp32 for "auto": the fastest that is safe here; else what is wished.

        Raises InputError for fp16 on a CPU, which has no arithmetic for it.
        """
        if wished == "auto":
            if self.accelerator == "cuda":
                return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
            return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
        if wished == "fp16" and self.accelerator == "cpu":
            raise InputError("precision fp16 needs a GPU, and there is none; say bf16, fp32 or auto")
        return wished

    def trainer_options(self, precision: Precision) -> dict[str, Any]:
        """What the Lightning trainer is told of all this. precision: bf16, fp16 (with scaled gradients) or fp32."""
        options: dict[str, Any] = {
            "accelerator": self.accelerator,
            "devices": self.local,
            "num_nodes": self.world // self.local,
            "precision": _PRECISIONS[precision],
            "use_distributed_sampler": False,  # the stream itself gives each process its part
        }
        if self.world > 1:
            options["strategy"] = self._strategy()
        return options

    def _strategy(self) -> Strategy:
        return _Replicas(
            process_group_backend="nccl" if self.accelerator == "cuda" else "gloo",
            find_unused_parameters=True,  # a recipe without whole pictures leaves the detector alone
            timeout=_PATIENCE,
        )


class _Replicas(DDPStrategy):
    """Every process holds the same state, and the first one writes it without asking the others to wait."""

    def barrier(self, name: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Wait for all processes, but not after saving."""
        if name != "Trainer.save_checkpoint":
            super().barrier(name, *args, **kwargs)
