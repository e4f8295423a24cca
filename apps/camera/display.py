"""Whether there is a screen to draw on, said before Kivy is imported, which would leave the process instead."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Final

from densepose_mobile.errors import DisplayUnavailable

__all__ = ["prepare_kivy", "require_display"]

_SETTINGS: Final = {
    "KIVY_NO_ARGS": "1",  # the command line is ours
    "KIVY_NO_FILELOG": "1",
    "KIVY_LOG_MODE": "PYTHON",  # and so is logging
    "KIVY_NO_CONFIG": "1",  # the user's Kivy settings are of no concern here
}
_SERVERS: Final = ("DISPLAY", "WAYLAND_DISPLAY")


def require_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> None:
    """Raises DisplayUnavailable where no window can open: on Linux without X11, Wayland or a chosen SDL driver."""
    if not platform.startswith("linux") or "ANDROID_ARGUMENT" in environment or "SDL_VIDEODRIVER" in environment:
        return
    if not any(environment.get(name) for name in _SERVERS):
        raise DisplayUnavailable(
            "there is no display ($DISPLAY and $WAYLAND_DISPLAY are unset): run it on a desktop, "
            "or use --screenshot, or `densepose-mobile predict`"
        )


def prepare_kivy(*, offscreen: bool) -> None:
    """Settings that Kivy reads when it is imported. offscreen: draw into memory, with no window."""
    logging.getLogger("kivy").addFilter(_worth_telling)
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if offscreen:
        os.environ["SDL_VIDEODRIVER"] = "offscreen"


def _worth_telling(record: logging.LogRecord) -> bool:
    """Kivy tells of itself at length, and reports each input device that a machine lacks as an error."""
    return record.levelno >= logging.WARNING and not record.getMessage().startswith("Input: ")
