"""The model of the demo: loaded, changed and replaced off the UI thread, and fed with the newest frame."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.apps.camera.live import LiveMode, LiveModel, LiveStream, Load
from densepose_mobile.apps.camera.meter import Meter
from densepose_mobile.errors import DensePoseError
from densepose_mobile.results import DensePoseResult

__all__ = ["Engine", "Wish"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """Which model runs, on what, and how."""

    model: str
    backend: str
    mode: LiveMode


class Engine:
    """Fulfils wishes one at a time on a thread of its own; of wishes that wait, only the last.

    load: makes a model. on_result: gets each frame with its result; it must not call the engine. on_error: told of
    wishes and frames that failed. A wish that cannot be fulfilled leaves what ran before running.
    """

    def __init__(
        self,
        wish: Wish,
        threads: int,
        load: Load,
        on_result: Callable[[NDArray[np.uint8], DensePoseResult], None],
        on_error: Callable[[DensePoseError], None],
    ) -> None:
        self._threads, self._load, self._on_result, self._on_error = threads, load, on_result, on_error
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, "model")
        self._wish, self._running = wish, wish
        self._turn = 0  # of the newest wish
        self._shown = 0  # turn of the stream whose results count; 0: none of them
        self._loading = ""
        self._model: LiveModel | None = None
        self._stream: LiveStream | None = None
        self._meter = Meter()
        self._dropped = 0  # by streams that are over
        self._waiting: NDArray[np.uint8] | None = None  # newest frame that came while there was no stream for it

    @property
    def wish(self) -> Wish:
        """What was asked for last, or what runs after that failed."""
        return self._wish

    @property
    def backend(self) -> str:
        """What the model came to run on; "" before there is one."""
        model = self._model
        return model.backend if model else ""

    @property
    def loading(self) -> str:
        """What is being prepared, for people; "" when nothing is."""
        return self._loading

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced, since the start."""
        stream = self._stream
        return self._dropped + (stream.dropped if stream else 0)

    def fps(self) -> float:
        """Results a second."""
        with self._lock:
            return self._meter.fps(time.monotonic())

    def latency_ms(self) -> float | None:
        """Median time from a frame to its result."""
        with self._lock:
            return self._meter.latency_ms()

    def ask(self, wish: Wish) -> None:
        """Run this instead. Returns at once."""
        with self._lock:
            self._wish = wish
            self._turn += 1
            changed = self._model is None or (wish.model, wish.backend) != (self._running.model, self._running.backend)
            self._loading = f"Loading {wish.model}" if changed else f"Changing to {wish.mode}"
            self._worker.submit(self._fulfil, self._turn)

    def restart(self) -> None:
        """Forget the people of the last source: the next frame has nothing to do with them."""
        with self._lock:
            self._turn += 1
            self._shown = 0
            self._waiting = None
            self._worker.submit(self._fulfil, self._turn)

    def submit(self, rgb: NDArray[np.uint8]) -> bool:
        """Hand over a frame, (H, W, 3) uint8 RGB. Returns False where it waits for a model, or for its next stream."""
        with self._lock:
            stream = self._stream if self._shown else None
            if stream is None:
                self._waiting = rgb
                return False
        _push(stream, rgb)
        return True

    def close(self) -> None:
        """End the stream and the thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._replace(None, 0)

    def _fulfil(self, turn: int) -> None:
        with self._lock:
            if turn != self._turn:
                return
            wish, running, model = self._wish, self._running, self._model
        try:
            if model is None or (wish.model, wish.backend) != (running.model, running.backend):
                model = self._load(wish.model, wish.backend, self._threads)
            with self._lock:
                if turn != self._turn:
                    self._keep(model, wish)
                    return
            on_result, on_error = partial(self._result, turn), partial(self._error, turn)
            stream = model.stream(on_result, on_error, color="rgb", mode=wish.mode)
        except Exception as problem:
            self._failed(turn, problem)
            return
        with self._lock:
            fresh = turn == self._turn
            if fresh:
                if wish != self._running:
                    self._meter = Meter()
                self._running, self._model, self._loading = wish, model, ""
            else:
                self._keep(model, wish)
        if fresh:
            self._replace(stream, turn)
        else:
            stream.close()

    def _keep(self, model: LiveModel, wish: Wish) -> None:
        """What waits need not load the same model again."""
        if (wish.model, wish.backend) == (self._wish.model, self._wish.backend):
            self._model, self._running = model, wish

    def _replace(self, stream: LiveStream | None, turn: int) -> None:
        with self._lock:
            old, self._stream, self._shown = self._stream, stream, turn
            waiting, self._waiting = self._waiting, None
            if stream is not None and waiting is not None:
                _push(stream, waiting)  # before any newer one; a source of one picture has no other
        if old is not None:
            old.close()
            self._dropped += old.dropped

    def _result(self, turn: int, result: DensePoseResult, rgb: NDArray[np.uint8], t_ms: float) -> None:
        now = time.monotonic()
        with self._lock:
            if turn != self._shown:
                return
            self._meter.add(now, now - t_ms / 1000)
            # Under the lock: after `restart` has returned, no result of the last source comes.
            self._on_result(rgb, result)

    def _error(self, turn: int, error: Exception) -> None:
        if turn == self._shown:
            self._on_error(_named(error))

    def _failed(self, turn: int, problem: Exception) -> None:
        with self._lock:
            if turn != self._turn:
                return
            self._loading = ""
            if self._model is not None and self._wish != self._running:
                self._wish = self._running
                if not self._shown:  # the source changed meanwhile: it still needs a stream
                    self._worker.submit(self._fulfil, turn)
        self._on_error(_named(problem))


def _push(stream: LiveStream, rgb: NDArray[np.uint8]) -> None:
    with suppress(DensePoseError):  # the stream was just replaced
        stream.push(rgb, 1000 * time.monotonic())


def _named(problem: Exception) -> DensePoseError:
    """A runtime's own error in words: the app goes on whatever a model does."""
    if isinstance(problem, DensePoseError):
        return problem
    _log.debug("the model failed", exc_info=problem)
    return DensePoseError(f"the model failed ({type(problem).__name__}: {problem}): choose another model or backend")
