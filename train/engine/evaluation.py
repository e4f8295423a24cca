"""Looking at a run: synthetic figures, real-photo figures and prediction pictures at every evaluation interval."""

import logging
import time
from collections.abc import Callable
from typing import Any

import lightning

from densepose_mobile.train.engine.averaged import AveragedTask

__all__ = ["Examiner", "PeriodicEvaluation"]

_log = logging.getLogger(__name__)

Examiner = Callable[[Any, int], dict[str, float]]
"""Averaged network in evaluation mode and step -> figures by name."""


class PeriodicEvaluation(lightning.Callback):
    """Runs the examiners on the averaged network. One that fails is logged, and training goes on."""

    def __init__(self, every_steps: int, examiners: dict[str, Examiner]) -> None:
        self._every = every_steps
        self._examiners = examiners
        self._done = -1

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any, **__: Any) -> None:
        """Evaluate when it is time."""
        step = trainer.global_step
        if step % self._every == 0 and step != self._done:
            self._done = step
            self.run(trainer, module)

    def on_train_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Evaluate what came out."""
        if trainer.global_step != self._done:
            self._done = trainer.global_step
            self.run(trainer, module)

    def run(self, trainer: lightning.Trainer, task: AveragedTask) -> None:
        """Evaluate now; figures go to the loggers and into the headers of saved weights."""
        step = trainer.global_step
        network = task.averaged.eval()
        for name, examiner in self._examiners.items():
            begin = time.monotonic()
            try:
                figures = examiner(network, step)
            except Exception:
                _log.exception("evaluation %s failed at step %d; training goes on", name, step)
                continue
            named = {f"{name}/{key}": value for key, value in figures.items()}
            task.metrics.update(named)
            for logger in trainer.loggers:
                logger.log_metrics(named, step)
                logger.save()
            text = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
            _log.info("step %d, %s (%.0f s): %s", step, name, time.monotonic() - begin, text)
        task.network.train()
