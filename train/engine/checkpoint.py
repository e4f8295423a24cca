"""Checkpoints by the clock, written to a temporary name and renamed, and the averaged network beside them."""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import lightning
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.data.stream import Stream
from densepose_mobile.train.engine.averaged import AveragedTask

__all__ = ["CHECKPOINT_NAME", "STREAM_KEY", "PeriodicCheckpoint", "resume_place"]

CHECKPOINT_NAME: Final = "last.ckpt"
"""Everything that `--resume` needs: network, average, optimiser, schedule, place in the data."""

STREAM_KEY: Final = "stream"
"""Of a checkpoint: the place in the data."""

_log = logging.getLogger(__name__)


def resume_place(checkpoint: Path) -> dict[str, Any]:
    """Where the stream goes on, as `Stream.place` told it.

    Raises InputError for a checkpoint of an earlier version, which did not know it.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    if STREAM_KEY not in state:
        raise InputError(
            f"{checkpoint} was written by an earlier version and cannot be resumed; begin another run from the weights "
            "beside it: --init FILE.safetensors --out another folder"
        )
    place: dict[str, Any] = state[STREAM_KEY]
    return place


class PeriodicCheckpoint(lightning.Callback):
    """Saves every so many minutes, at the end, and when the run is stopped: `last.ckpt`, and what the task makes of it.

    Whoever reads them meanwhile sees the old or the new files. Only completed steps are saved, with the place of the
    stream behind them, so that a resumed run continues with the very batch that would have come next.
    """

    def __init__(self, out: Path, minutes: float, stream: Stream) -> None:
        self._out, self._stream = out, stream
        self._every = minutes * 60
        self._last = time.monotonic()
        self._batches: int | None = None  # of the run, until the end of the last completed step
        self._step = 0
        self._torn = False  # between the beginning of an update and the end of its step

    def on_train_batch_start(self, trainer: lightning.Trainer, module: Any, batch: Batch, index: int) -> None:
        """Remember where the run was taken up."""
        if self._batches is None:
            self._batches, self._step = batch["number"], trainer.global_step

    def on_before_optimizer_step(self, *_: Any, **__: Any) -> None:
        """From here on network, average and schedule do not belong together."""
        self._torn = True

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Batch, index: int
    ) -> None:
        """Save when it is time. Between batches whose gradients are added up there is nothing to be saved."""
        self._torn = trainer.global_step == self._step
        if self._torn:
            return
        self._batches, self._step = batch["number"] + 1, trainer.global_step
        if time.monotonic() - self._last >= self._every:
            self._save(trainer, module)
            self._last = time.monotonic()

    def on_exception(self, trainer: lightning.Trainer, module: Any, exception: BaseException) -> None:
        """Save when somebody stops the run; not after a failure, whose state may be the cause."""
        if isinstance(exception, KeyboardInterrupt | SIGTERMException):
            self._save(trainer, module)

    def on_train_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Save what was reached."""
        self._save(trainer, module)

    def on_save_checkpoint(self, trainer: lightning.Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
        """Keep the place in the data."""
        assert self._batches is not None
        checkpoint[STREAM_KEY] = self._stream.place(self._batches)

    def _save(self, trainer: lightning.Trainer, task: AveragedTask) -> None:
        if not trainer.is_global_zero or self._batches is None:
            return
        if self._torn:
            _log.warning("stopped within a step; to resume goes back to the last checkpoint")
            return
        partial = self._out / (CHECKPOINT_NAME + ".partial")
        trainer.save_checkpoint(partial)
        partial.replace(self._out / CHECKPOINT_NAME)
        data = self._stream.summary(self._batches)
        header = {
            "recipe": asdict(task.recipe),
            "seed": task.recipe.seed,
            "step": trainer.global_step,
            "data": data,
            "metrics": dict(task.metrics),
        }
        task.save_weights(self._out, header)
        _log.info("checkpoint at step %d, %d pictures seen", trainer.global_step, data["pictures"])
