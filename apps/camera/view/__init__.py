"""The window: Kivy draws the controller's state and picture, and turns touches into its calls."""

from pathlib import Path

from densepose_mobile.apps.camera.controller import Controller
from densepose_mobile.apps.camera.state import Settings
from densepose_mobile.errors import DisplayUnavailable

__all__ = ["run"]


def run(settings: Settings, size: tuple[int, int] | None = None, screenshot: Path | None = None) -> None:
    """Open the window and stay until it is closed. Import this package after `display.prepare_kivy`.

    size: of the window in px; None takes the screen's, as phones do. screenshot: see `CameraApp`.
    Raises DisplayUnavailable where no window opens, and what a screenshot failed of.
    """
    from kivy.config import Config

    Config.set("input", "mouse", "mouse,disable_multitouch")
    Config.set("kivy", "exit_on_escape", "1")
    if size is not None:
        Config.set("graphics", "width", str(size[0]))
        Config.set("graphics", "height", str(size[1]))
    from kivy.core.window import Window

    if Window is None:
        raise DisplayUnavailable("no window opens on this display: check its OpenGL driver, or use another machine")
    from densepose_mobile.apps.camera.view.app import CameraApp

    app = CameraApp(Controller(settings), screenshot=screenshot)
    app.run()
    if app.failure is not None:
        raise app.failure
