"""Stopping a run from outside: the step under way is completed, and what it reached is saved."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

import lightning
from lightning.pytorch.utilities.exceptions import SIGTERMException

__all__ = ["Stopping"]

_log = logging.getLogger(__name__)


class Stopping(lightning.Callback):
    """Ends the run between two steps after SIGTERM or Ctrl-C; at once if it only waits for data, or when asked twice.

    The process then ends with a status other than 0 (143 after SIGTERM), so that no script goes on with half a run.
    Of several processes the first decides. The others ignore the signals, which all of them get, so that its last step
    can be completed; they end when it has gone.
    """

    def __init__(self) -> None:
        self._asked: BaseException | None = None
        self._step: int | None = None  # the one that is under way
        self._leads = True

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Listen, in place of Lightning's handlers, which it restores to those before it in the end."""
        self._leads = trainer.is_global_zero
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._listen)

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:
        """From here on a step is under way."""
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:
        """Stop if somebody asked meanwhile, and the step is completed: its gradients may come from several batches."""
        if trainer.global_step != self._step:
            self._step = None
            if self._asked is not None:
                raise self._asked

    def _listen(self, number: int, frame: FrameType | None) -> None:
        if not self._leads:
            return
        twice = self._asked is not None
        self._asked = SIGTERMException(128 + number) if number == signal.SIGTERM else KeyboardInterrupt()
        if twice or self._step is None:
            raise self._asked
        _log.info("stopping after this step")
