"""A thread that predicts on the newest frame and lets the others go."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread, current_thread

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import StreamClosed, TimestampError
from densepose_mobile.results import DensePoseResult
from densepose_mobile.tracking.clock import Clock

__all__ = ["Stream"]

_LOG = logging.getLogger(__name__)


class Stream:
    """Predicts on its own thread; made by `DensePose.stream`. Callbacks run on that thread, one at a time.

    At most one frame waits: a newer one takes its place and the older one is dropped and counted. What a frame or
    `on_result` raises goes to `on_error`, what `on_error` raises to the log, and the stream goes on.

    >>> with model.stream(on_result, on_error, color="bgr") as stream:  # doctest: +SKIP
    ...     stream.push(frame, t_ms)
    """

    def __init__(
        self,
        predict: Callable[[NDArray[np.uint8], float], DensePoseResult],
        on_result: Callable[[DensePoseResult, NDArray[np.uint8], float], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        """predict: called with frame and t_ms. on_result: called with result, frame, t_ms. on_error: with the error."""
        self._predict, self._on_result, self._on_error = predict, on_result, on_error
        self._changed = Condition()
        self._clock = Clock()
        self._waiting: tuple[NDArray[np.uint8], float] | None = None
        self._refused: deque[TimestampError] = deque(maxlen=16)
        self._closed = False
        self._pushed = self._dropped = self._done = 0
        self._thread = Thread(target=self._run, name="densepose-stream", daemon=True)
        self._thread.start()

    @property
    def pushed(self) -> int:
        """Frames that were pushed, refused ones included."""
        return self._pushed

    @property
    def dropped(self) -> int:
        """Frames that were never predicted on: a newer one came first, the time did not grow, or the stream closed."""
        return self._dropped

    @property
    def done(self) -> int:
        """Frames that were predicted on, with or without success."""
        return self._done

    def push(self, frame: NDArray[np.uint8], t_ms: float) -> None:
        """Hand over a frame and return at once. Any thread may call this.

        frame: as the stream's `color` says; it is copied, so that the camera may reuse its memory. t_ms: when it was
        taken, in milliseconds from any origin. A time that is not above that of the newest frame goes to `on_error` as
        TimestampError and its frame is dropped, without harm to the frames around it.
        Raises StreamClosed after `close`.
        """
        own = frame.copy() if isinstance(frame, np.ndarray) else frame
        with self._changed:
            if self._closed:
                raise StreamClosed("this stream is closed: open another one with model.stream(on_result, on_error)")
            self._pushed += 1
            try:
                time = self._clock.advance(t_ms)
            except TimestampError as error:
                self._dropped += 1
                self._refused.append(error)
            else:
                self._dropped += self._waiting is not None
                self._waiting = own, time
            self._changed.notify_all()

    def close(self) -> None:
        """Drop the frame that waits, let the one in work finish, and end the thread; closing twice is no harm.

        No callback begins after this has returned. A callback may close its own stream.
        """
        with self._changed:
            self._closed = True
            self._dropped += self._waiting is not None
            self._waiting = None
            self._refused.clear()
            self._changed.notify_all()
        if current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting is not None or self._refused)
                if self._closed:
                    return
                refused = self._refused.popleft() if self._refused else None
                job = None
                if refused is None:
                    job, self._waiting = self._waiting, None
            if refused is not None:
                self._report(refused)
            elif job is not None:
                self._work(*job)

    def _work(self, frame: NDArray[np.uint8], t_ms: float) -> None:
        try:
            try:
                result = self._predict(frame, t_ms)
            finally:
                self._done += 1
            if not self._closed:
                self._on_result(result, frame, t_ms)
        except Exception as error:
            if not self._closed:
                self._report(error)

    def _report(self, error: Exception) -> None:
        try:
            self._on_error(error)
        except Exception:
            _LOG.exception("on_error itself failed, while it was told of %r", error)
