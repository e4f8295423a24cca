"""Looking at a run: synthetic figures, real-photo figures and prediction pictures at every evaluation interval."""

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray

from densepose_mobile.train.engine.averaged import AveragedTask

__all__ = ["Examiner", "Findings", "PeriodicEvaluation"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Findings:
    """What an examiner found: figures by name, and perhaps a sheet of predictions, (H, W, 3) uint8 RGB."""

    figures: dict[str, float]
    sheet: NDArray[np.uint8] | None = None


Examiner = Callable[[Any, int], Findings]
"""Averaged network in evaluation mode on the CPU, and step -> what was found."""


class PeriodicEvaluation(lightning.Callback):
    """Runs the examiners on the averaged network. One that fails is logged, and training goes on."""

    def __init__(self, every_steps: int, examiners: dict[str, Examiner]) -> None:
        self._every = every_steps
        self._examiners = examiners
        self._done = -1

    def on_train_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """What a resumed run begins with was evaluated before; at step 0 there is nothing to evaluate."""
        self._done = trainer.global_step

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
        """Evaluate now, in the first process; figures go to the loggers and into the headers of saved weights."""
        if not trainer.is_global_zero:
            return
        step = trainer.global_step
        network = task.averaged.eval()
        if task.device.type != "cpu":
            network = copy.deepcopy(network).cpu()
        for name, examiner in self._examiners.items():
            begin = time.monotonic()
            try:
                findings = examiner(network, step)
            except Exception:
                _log.exception("evaluation %s failed at step %d; training goes on", name, step)
                continue
            named = {f"{name}/{key}": value for key, value in findings.figures.items()}
            task.metrics.update(named)
            for logger in trainer.loggers:
                logger.log_metrics(named, step)
                if findings.sheet is not None and isinstance(logger, TensorBoardLogger):
                    logger.experiment.add_image(f"{name}/people", findings.sheet, step, dataformats="HWC")
                logger.save()
            text = ", ".join(f"{key} {value:.3f}" for key, value in findings.figures.items())
            _log.info("step %d, %s (%.0f s): %s", step, name, time.monotonic() - begin, text)
        task.network.train()
