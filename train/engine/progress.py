"""One line of the log every so many steps: losses, rate of samples, time."""

import logging
import time
from typing import Any

import lightning
import torch

__all__ = ["Progress"]

_log = logging.getLogger(__name__)


class Progress(lightning.Callback):
    """Logs the loss and how many samples a second are trained on; waiting for data is told apart."""

    def __init__(self, every_steps: int) -> None:
        self._every = every_steps
        self._samples = 0
        self._begin = time.monotonic()
        self._busy = 0.0
        self._step_begin = time.monotonic()
        self._logged = -1

    def on_train_batch_start(self, *_: Any, **__: Any) -> None:
        """Start the clock of the step."""
        self._step_begin = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: dict[str, Any], index: int
    ) -> None:
        """Count, and say so when it is time: means over the processes, so that their number makes no difference."""
        now = time.monotonic()
        self._busy += now - self._step_begin
        self._samples += sum(len(batch[name]) for name in ("crop_image", "whole_image") if name in batch)
        step = trainer.global_step
        if step % self._every or step == self._logged:
            return
        self._logged = step
        elapsed = now - self._begin
        own = {name: float(value) for name, value in sorted(module.latest.items())}
        own |= {"run/samples_per_second": self._samples / elapsed, "run/data_wait": 1 - self._busy / elapsed}
        means = trainer.strategy.reduce(torch.tensor(list(own.values()), device=module.device), reduce_op="mean")
        figures = dict(zip(own, means.tolist(), strict=True))
        figures["run/samples_per_second"] *= trainer.world_size
        figures["run/pictures"] = float(batch["pictures"])
        for logger in trainer.loggers:
            logger.log_metrics(figures, step)
            logger.save()
        _log.info(
            "step %d, loss %.3f, %.1f samples/s, %.0f %% of the time waiting for data, %d pictures",
            step,
            figures["loss/total"],
            figures["run/samples_per_second"],
            100 * figures["run/data_wait"],
            batch["pictures"],
        )
        self._begin, self._samples, self._busy = now, 0, 0.0
