"""The demo without its window: sources, model, look and snapshots, and one state that says it all.

Every method returns at once and may be called from any thread; what takes time happens elsewhere and shows in `state`.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from densepose_mobile import DensePose, Options
from densepose_mobile.apps.camera.engine import Engine, Wish
from densepose_mobile.apps.camera.feed import Feed
from densepose_mobile.apps.camera.live import LiveMode, LiveModel, Load
from densepose_mobile.apps.camera.overlay import Painter
from densepose_mobile.apps.camera.snapshot import write_snapshot
from densepose_mobile.apps.camera.sources import Choice, Source, choice_for, open_source
from densepose_mobile.apps.camera.state import Look, Notice, Picture, Settings, State
from densepose_mobile.draw import STYLES
from densepose_mobile.errors import DensePoseError, InputError
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.results import DensePoseResult

__all__ = ["Controller"]

_NOTICE_S: Final = 8.0  # how long a notice that is no error stays


class Controller:
    """Runs the demo. Call `start`, look at `state` and `picture`, and `close` in the end.

    load and opening replace the model and the sources in tests.
    """

    def __init__(
        self, settings: Settings, *, load: Load | None = None, opening: Callable[[Choice], Source] | None = None
    ) -> None:
        self._settings = settings
        self._opening = opening or open_source
        self._lock = Lock()
        self._source = settings.source
        self._look = Look(settings.styles, mirror=settings.source.kind == "camera")
        self._paused = False
        self._notice: tuple[Notice, float] | None = None  # and when it was given
        self._opening_title = ""
        self._feed: Feed | None = None
        self._seen: tuple[NDArray[np.uint8], DensePoseResult | None] | None = None  # newest frame that is on show
        self._parts: dict[int, int] = {}
        self._saver = ThreadPoolExecutor(1, "snapshot")
        self._painter = Painter(self._paint_failed)
        wish = Wish(settings.model, settings.backend, settings.mode)
        self._engine = Engine(wish, settings.threads, load or _load, self._found, self._say)

    def start(self) -> None:
        """Open the first source and load the model."""
        self._engine.ask(self._engine.wish)
        self.choose_source(self._settings.source)

    def close(self) -> None:
        """Stop everything; waits for what is being computed."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.stop()
            feed.join(1.0)
        self._engine.close()
        self._painter.close()
        self._saver.shutdown()

    @property
    def picture(self) -> Picture | None:
        """The newest painted picture; None while a source opens and after one failed."""
        return self._painter.picture

    @property
    def state(self) -> State:
        """Everything else on the screen."""
        engine = self._engine  # asked before our lock is taken: it calls us under its own
        wish, fps, latency_ms, dropped = engine.wish, engine.fps(), engine.latency_ms(), engine.dropped
        with self._lock:
            result = self._seen[1] if self._seen else None
            notice, given = self._notice or (None, 0.0)
            if notice and not notice.error and time.monotonic() - given > _NOTICE_S:
                notice = self._notice = None
            return State(
                source=self._source,
                model=wish.model,
                backend=wish.backend,
                running_on=engine.backend,
                mode=wish.mode,
                look=self._look,
                paused=self._paused,
                loading=engine.loading or self._opening_title,
                fps=fps,
                latency_ms=latency_ms,
                dropped=dropped,
                people=len(result) if result else 0,
                parts=self._parts,
                notice=notice,
            )

    def choose_source(self, choice: Choice) -> None:
        """Show another source, or open the same one again."""
        with self._lock:
            old, self._feed = self._feed, None
        if old is not None:
            old.stop()
        self._engine.restart()
        with self._lock:
            if choice.kind != self._source.kind:
                self._look = replace(self._look, mirror=choice.kind == "camera")  # as one knows oneself
            self._source, self._seen, self._notice, self._paused, self._parts = choice, None, None, False, {}
            self._opening_title = f"Opening {choice.title}"
            self._painter.clear()
            self._feed = Feed(partial(self._opening, choice), self._came, self._ended, after=old)
            self._feed.start()  # before another thread may choose, whose feed waits for the end of this one

    def choose_path(self, text: str) -> None:
        """Show the source that a word or a dropped path means; a notice where it means none."""
        try:
            self.choose_source(choice_for(text))
        except InputError as error:
            self._say(error)

    def choose_model(self, model: str) -> None:
        """Load another bundle: a path, or the name of a shipped one."""
        self._ask(replace(self._engine.wish, model=model))

    def choose_backend(self, backend: str) -> None:
        """Load the bundle on another backend."""
        self._ask(replace(self._engine.wish, backend=backend))

    def choose_mode(self, mode: LiveMode) -> None:
        """Spend more or less time on a frame. Raises InputError for an unknown mode."""
        if mode not in get_args(LiveMode):
            raise InputError(f"mode={mode!r} is unknown; use one of {', '.join(get_args(LiveMode))}")
        self._ask(replace(self._engine.wish, mode=mode))

    def toggle_style(self, style: str) -> None:
        """Paint with a style, or without it. Raises InputError for an unknown style."""
        if style not in STYLES:
            raise InputError(f"unknown drawing style {style!r}: use any of {', '.join(STYLES)}")
        wanted = {*self._look.styles} ^ {style}
        self._restyle(styles=tuple(name for name in STYLES if name in wanted))

    def set_opacity(self, opacity: float) -> None:
        """Strength of the paint, 0..1; values beyond are clipped."""
        self._restyle(opacity=min(max(float(opacity), 0.0), 1.0))

    def set_mirror(self, mirror: bool) -> None:
        """Show the picture as a mirror would."""
        self._restyle(mirror=bool(mirror))

    def pause(self, paused: bool) -> None:
        """Hold the picture, or go on."""
        with self._lock:
            self._paused = paused
            feed = self._feed
        if feed is not None:
            feed.pause(paused)

    def dismiss(self) -> None:
        """Take the notice away."""
        with self._lock:
            self._notice = None

    def snapshot(self) -> None:
        """Write the picture on show and what was found in it; a notice says where, or why not."""
        with self._lock:
            seen, source, styles = self._seen, self._source, self._look.styles
        if seen is None or seen[1] is None:
            self._say(InputError("nothing to save yet: wait for the first picture that the model has seen"))
            return
        self._saver.submit(self._save, source.title, seen[0], seen[1], styles)

    def _ask(self, wish: Wish) -> None:
        self.dismiss()
        self._engine.ask(wish)

    def _restyle(self, **changes: object) -> None:
        with self._lock:
            self._look = replace(self._look, **changes)  # type: ignore[arg-type]
            if self._seen is not None:
                self._painter.order(*self._seen, self._look)

    def _came(self, feed: Feed, rgb: NDArray[np.uint8], cut: bool) -> None:
        with self._lock:
            if feed is not self._feed:
                return
            self._opening_title = ""
        if cut:
            self._engine.restart()
        if not self._engine.submit(rgb):
            self._show(rgb, None)  # the picture is no secret while the model loads

    def _found(self, rgb: NDArray[np.uint8], result: DensePoseResult) -> None:
        self._show(rgb, result)

    def _show(self, rgb: NDArray[np.uint8], result: DensePoseResult | None) -> None:
        parts = _parts(result)
        with self._lock:
            self._seen, self._parts = (rgb, result), parts
            self._painter.order(rgb, result, self._look)

    def _ended(self, feed: Feed, error: DensePoseError | None) -> None:
        if error is not None and feed is self._feed:
            self._engine.restart()  # a frame that is being looked at must not show after the loss
        with self._lock:
            if feed is not self._feed:
                return
            self._opening_title = ""
            if error is not None:
                self._seen = None
                self._painter.clear()
        self._say(error or Notice(f"{self._source.title} is over: choose it again, or another source"))

    def _say(self, what: DensePoseError | Notice) -> None:
        notice = what if isinstance(what, Notice) else Notice(_sentence(str(what)), error=True)
        with self._lock:
            self._notice = (notice, time.monotonic())

    def _paint_failed(self, error: Exception) -> None:
        self._say(DensePoseError(f"painting failed ({type(error).__name__}: {error}): choose another style"))

    def _save(self, source: str, rgb: NDArray[np.uint8], result: DensePoseResult, styles: tuple[str, ...]) -> None:
        try:
            files = write_snapshot(self._settings.out, source, rgb, result, styles)
        except DensePoseError as error:
            self._say(error)
            return
        self._say(Notice(f"Saved {files[0].name} and {len(files) - 1} more in {_short(files[0].parent)}"))


def _load(model: str, backend: str, threads: int) -> LiveModel:
    loaded: LiveModel = DensePose.load(model, backend=backend, options=Options(threads=threads))
    return loaded


def _parts(result: DensePoseResult | None) -> dict[int, int]:
    """Visible part -> its pixels, over all people."""
    if result is None:
        return {}
    counts = sum((np.bincount(p.part.ravel(), minlength=NUM_PARTS + 1) for p in result), np.zeros(NUM_PARTS + 1, int))
    return {part: int(counts[part]) for part in range(1, NUM_PARTS + 1) if counts[part]}


def _short(folder: Path) -> str:
    """The path as one would say it."""
    path = folder.resolve()
    with suppress(ValueError, RuntimeError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
