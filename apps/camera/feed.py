"""Reading a source on a thread of its own, at the source's pace."""

import logging
import time
from collections.abc import Callable
from threading import Condition, Thread

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.apps.camera.sources import Source
from densepose_mobile.errors import DensePoseError, InputError

__all__ = ["Feed"]

_log = logging.getLogger(__name__)


class Feed:
    """Opens a source, hands on its pictures, and closes it: all on one thread, so that a slow camera holds up nobody.

    opening: makes the source. on_picture: gets each picture, and whether it follows a cut. on_end: called once, with
    the error, or None after the last picture; not called after `stop`. after: a feed that must have let go of its
    camera first.
    """

    def __init__(
        self,
        opening: Callable[[], Source],
        on_picture: Callable[["Feed", NDArray[np.uint8], bool], None],
        on_end: Callable[["Feed", DensePoseError | None], None],
        *,
        paused: bool = False,
        after: "Feed | None" = None,
    ) -> None:
        self._opening, self._on_picture, self._on_end, self._after = opening, on_picture, on_end, after
        self._change = Condition()
        self._stopped, self._paused = False, paused
        self._thread = Thread(target=self._run, name="source", daemon=True)

    def start(self) -> "Feed":
        """Begin to read. Returns itself."""
        self._thread.start()
        return self

    def pause(self, paused: bool) -> None:
        """Hold the source's time, or let it go on from where it was."""
        with self._change:
            self._paused = paused
            self._change.notify_all()

    def stop(self) -> None:
        """Hand on no more pictures. Does not wait for the source to close; see `join`."""
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def join(self, seconds: float) -> None:
        """Wait until the source is closed, but no longer than that: some drivers hang when a camera is pulled."""
        self._thread.join(seconds)

    def _run(self) -> None:
        if self._after is not None:
            self._after.join(3.0)
            self._after = None
        error: DensePoseError | None = None
        try:
            source = self._opening()
            try:
                self._read(source)
            finally:
                source.close()
        except DensePoseError as problem:
            error = problem
        except Exception as problem:  # a decoder's or driver's own error ends the source, never the app
            _log.debug("the source failed", exc_info=True)
            error = InputError(f"the source failed ({type(problem).__name__}: {problem}): choose another one")
        if not self._stopped:
            self._on_end(self, error)

    def _read(self, source: Source) -> None:
        elapsed = 0.0  # ms of the source's time
        scene: int | None = None  # of the last picture
        while not self._stopped:
            if self._paused and scene is not None:
                with self._change:
                    self._change.wait_for(lambda: self._stopped or not self._paused)
                continue
            started = time.monotonic()
            picture = source.picture(elapsed)
            if picture is None or self._stopped:
                return
            self._on_picture(self, picture, scene is not None and source.scene != scene)
            scene = source.scene
            due = source.interval_ms - 1000 * (time.monotonic() - started)
            if due > 0:
                with self._change:
                    self._change.wait_for(lambda: self._stopped or self._paused, due / 1000)
            elapsed += 1000 * (time.monotonic() - started)
