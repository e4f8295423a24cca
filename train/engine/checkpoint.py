"""Checkpoints by the clock, written to a temporary name and renamed, and the averaged network beside them."""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import lightning
from lightning.pytorch.utilities.exceptions import SIGTERMException

from densepose_mobile.train.engine.averaged import AveragedTask

__all__ = ["CHECKPOINT_NAME", "PeriodicCheckpoint", "save_run"]

CHECKPOINT_NAME: Final = "last.ckpt"
"""Everything that `--resume` needs: network, average, optimiser, schedule, place in the data."""

_log = logging.getLogger(__name__)


def save_run(trainer: lightning.Trainer, task: AveragedTask, out: Path) -> None:
    """Write `last.ckpt` and the averaged network; whoever reads them meanwhile sees the old or the new file."""
    partial = out / (CHECKPOINT_NAME + ".partial")
    trainer.save_checkpoint(partial)
    if trainer.is_global_zero:
        partial.replace(out / CHECKPOINT_NAME)
        header = {
            "recipe": asdict(task.recipe),
            "seed": task.recipe.seed,
            "step": trainer.global_step,
            "metrics": dict(task.metrics),
        }
        task.save_weights(out, header)
        _log.info("checkpoint at step %d, %d pictures seen", trainer.global_step, task.pictures)


class PeriodicCheckpoint(lightning.Callback):
    """Saves every so many minutes, at the end, and when the run is interrupted."""

    def __init__(self, out: Path, minutes: float) -> None:
        self._out = out
        self._every = minutes * 60
        self._last = time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any, **__: Any) -> None:
        """Save when it is time."""
        if time.monotonic() - self._last >= self._every:
            save_run(trainer, module, self._out)
            self._last = time.monotonic()

    def on_exception(self, trainer: lightning.Trainer, module: Any, exception: BaseException) -> None:
        """Save when somebody stops the run; not after a failure, whose state may be the cause."""
        if isinstance(exception, KeyboardInterrupt | SIGTERMException):
            save_run(trainer, module, self._out)

    def on_train_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Save what was reached."""
        save_run(trainer, module, self._out)
