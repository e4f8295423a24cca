"""Colours and measures of the window. The chrome is grey on grey, so that colour means body parts and nothing else."""

from typing import Final

from kivy.metrics import dp, sp

__all__ = [
    "FAINT",
    "GAP",
    "GROUND",
    "INK",
    "LIVE",
    "PANEL",
    "PANEL_WIDTH",
    "RADIUS",
    "RAISED",
    "SCRIM",
    "TEXT",
    "TOUCH",
    "WARN",
    "Colour",
    "rgba",
]

Colour = tuple[float, float, float, float]


def rgba(hexadecimal: str, alpha: float = 1.0) -> Colour:
    """A colour of Kivy from "rrggbb"."""
    red, green, blue = (int(hexadecimal[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue, alpha


GROUND: Final = rgba("0d0f13")
PANEL: Final = rgba("15181e")
RAISED: Final = rgba("232831")
INK: Final = rgba("eceef2")
FAINT: Final = rgba("8d94a3")
LIVE: Final = rgba("5ee0a0")
WARN: Final = rgba("ffb454")
SCRIM: Final = rgba("0d0f13", 0.72)  # behind text on the picture

GAP: Final = dp(8)
RADIUS: Final = dp(10)
TOUCH: Final = dp(42)  # least side of what is touched
PANEL_WIDTH: Final = dp(336)
TEXT: Final = {"small": sp(12), "body": sp(14), "large": sp(17), "title": sp(21)}
