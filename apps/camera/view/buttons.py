"""Round buttons with drawn signs: they need no icon font and are sharp at every size."""

from collections.abc import Callable
from typing import Any

from kivy.graphics import Color, Ellipse, Line, Rectangle, Triangle
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.widget import Widget

from densepose_mobile.apps.camera.view.theme import GROUND, INK, SCRIM, TOUCH

__all__ = ["RoundButton"]


class RoundButton(ButtonBehavior, Widget):
    """A round button on the picture. sign: "pause", "play", "shutter", "mirror" or "close"."""

    sign = StringProperty("play")
    on = BooleanProperty(False)

    def __init__(self, sign: str, on_release: Callable[[], None], side: float = TOUCH * 1.15) -> None:
        super().__init__(size_hint=(None, None), size=(side, side))
        self.sign = sign
        self.bind(on_release=lambda _: on_release())
        self.bind(pos=self._draw, size=self._draw, sign=self._draw, on=self._draw, state=self._draw)
        self._draw()

    def _draw(self, *_: Any) -> None:
        self.canvas.clear()
        down = self.state == "down"
        with self.canvas:
            if self.sign == "shutter":
                self._shutter(down)
                return
            Color(*(INK if self.on else (*SCRIM[:3], 0.9 if down else 0.72)))
            Ellipse(pos=self.pos, size=self.size)
            Color(*(GROUND if self.on else INK))
            getattr(self, f"_{self.sign}")()

    def _shutter(self, down: bool) -> None:
        Color(*SCRIM[:3], 0.35)
        Ellipse(pos=self.pos, size=self.size)
        Color(*INK)
        Line(circle=(self.center_x, self.center_y, self.width * 0.46), width=self.width * 0.03)
        inner = self.width * (0.66 if down else 0.74)
        Ellipse(pos=(self.center_x - inner / 2, self.center_y - inner / 2), size=(inner, inner))

    def _pause(self) -> None:
        unit = self.width / 12
        for left in (-2.1, 0.7):
            Rectangle(pos=(self.center_x + left * unit, self.center_y - 2 * unit), size=(1.4 * unit, 4 * unit))

    def _play(self) -> None:
        unit, x, y = self.width / 12, self.center_x, self.center_y
        Triangle(points=(x - 1.4 * unit, y - 2.3 * unit, x - 1.4 * unit, y + 2.3 * unit, x + 2.4 * unit, y))

    def _mirror(self) -> None:
        unit, x, y = self.width / 12, self.center_x, self.center_y
        for side in (-1, 1):
            points = (x + side * 0.8 * unit, y - 1.9 * unit, x + side * 0.8 * unit, y + 1.9 * unit)
            Triangle(points=(*points, x + side * 3.2 * unit, y - 1.9 * unit))
        Line(points=(x, y - 2.8 * unit, x, y + 2.8 * unit), width=unit * 0.16, dash_length=unit * 0.6, dash_offset=unit)

    def _close(self) -> None:
        unit, x, y = self.width / 12, self.center_x, self.center_y
        for side in (-1, 1):
            Line(points=(x - 2 * unit, y - 2 * side * unit, x + 2 * unit, y + 2 * side * unit), width=unit * 0.3)
