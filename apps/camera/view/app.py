"""The Kivy application: one window, one clock, no knowledge of models or sources."""

import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from kivy.app import App
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels
from kivy.metrics import dp
from kivy.uix.boxlayout import BoxLayout
from numpy.typing import NDArray

from densepose_mobile.apps.camera.controller import Controller
from densepose_mobile.apps.camera.state import State
from densepose_mobile.apps.camera.view.panel import Panel
from densepose_mobile.apps.camera.view.stage import Stage
from densepose_mobile.apps.camera.view.theme import GROUND, PANEL, PANEL_WIDTH
from densepose_mobile.apps.camera.view.widgets import Rounded
from densepose_mobile.cli.outputs import encode_picture, write_atomically
from densepose_mobile.errors import DensePoseError

__all__ = ["CameraApp", "window_pixels"]

_FRAMES: Final = 1 / 60  # s between looks at the picture
_SETTLED: Final = 12  # results on screen before a screenshot, for figures that have come to rest
_FIGURES: Final = 0.15  # s between looks at the figures, slow enough to be read


class CameraApp(App):
    """Shows a controller, and drives it.

    screenshot: write the window there once it shows a result, then leave. patience: s until that is given up.
    """

    def __init__(self, controller: Controller, *, screenshot: Path | None = None, patience: float = 60.0) -> None:
        super().__init__()
        self.title = "densepose-mobile"
        self.controller = controller
        self.failure: DensePoseError | None = None  # why there is no screenshot
        self._screenshot, self._deadline = screenshot, time.monotonic() + patience
        self._shown: State | None = None
        self._results = 0  # pictures with a result that were on screen

    def build(self) -> BoxLayout:
        """Kivy asks for the widgets."""
        Window.clearcolor = GROUND
        self.stage, self.panel = Stage(self.controller), Panel(self.controller)
        Rounded(self.panel, PANEL, 0)
        self.body = BoxLayout()
        self.body.add_widget(self.stage)
        self.body.add_widget(self.panel)
        Window.bind(size=self._arrange, on_drop_file=self._dropped)
        self._arrange()
        return self.body

    def on_start(self) -> None:
        """The window is open."""
        self.controller.start()
        Clock.schedule_interval(self._look, _FRAMES)
        Clock.schedule_interval(self._figures, _FIGURES)

    def on_stop(self) -> None:
        """The window is closed."""
        self.controller.close()

    def on_pause(self) -> bool:
        """Android sends the app to the back: hold the camera's pictures, keep the model."""
        self.controller.pause(True)
        return True

    def _look(self, _: float) -> None:
        picture = self.controller.picture
        if self.stage.show(self._shown or self.controller.state, picture) and picture is not None:
            self._results += picture.seen

    def _figures(self, _: float) -> None:
        state = self.controller.state
        if state != self._shown:
            self._shown = state
            self.panel.show(state)
        if self._screenshot is not None:
            self._try_screenshot(state, self._screenshot)

    def _arrange(self, *_: Any) -> None:
        """Side by side where the window is wide, one above the other on a phone held upright."""
        wide = Window.width > Window.height and Window.width >= PANEL_WIDTH + dp(280)
        self.body.orientation = "horizontal" if wide else "vertical"
        self.panel.size_hint = (None, 1) if wide else (1, 0.42)
        self.panel.width = PANEL_WIDTH

    def _dropped(self, _: Any, name: bytes, *rest: Any) -> None:
        self.controller.choose_path(name.decode("utf-8", "surrogateescape"))

    def _try_screenshot(self, state: State, path: Path) -> None:
        settled = self._results >= _SETTLED and not state.loading
        if not settled and time.monotonic() < self._deadline and not (state.notice and state.notice.error):
            return
        self._screenshot = None
        if settled:
            self._write(path)
        else:
            self.failure = DensePoseError(state.notice.text if state.notice else "no result came in time")
            self.stop()

    def _write(self, path: Path) -> None:
        try:
            write_atomically(path, encode_picture(path, window_pixels()))
        except DensePoseError as error:
            self.failure = error
        self.stop()


def window_pixels() -> NDArray[np.uint8]:
    """What the window shows: (H, W, 3) uint8 RGB, top row first, read back from where it was drawn."""
    Window.dispatch("on_draw")
    width, height = (int(side) for side in Window.system_size)
    data = glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE)
    return np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(height, width, 4)[::-1, :, :3])
