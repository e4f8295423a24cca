"""What the user is told: a card on the picture, or in the middle where there is no picture."""

from collections.abc import Callable
from typing import Any

from kivy.clock import Clock
from kivy.graphics import Color, Line
from kivy.properties import StringProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from densepose_mobile.apps.camera.state import Notice
from densepose_mobile.apps.camera.view.theme import FAINT, GAP, INK, LIVE, PANEL, RADIUS, TOUCH, WARN
from densepose_mobile.apps.camera.view.widgets import Chip, Rounded, line

__all__ = ["Card"]


class Card(BoxLayout):
    """One notice, or what is being loaded. Errors stay until they are dismissed; `on_dismiss` is called then."""

    def __init__(self, on_dismiss: Callable[[], None]) -> None:
        super().__init__(orientation="horizontal", padding=2 * GAP, spacing=2 * GAP, size_hint=(None, None))
        Rounded(self, (*PANEL[:3], 0.94), RADIUS)
        self.mark = _Mark()
        self.label = line()
        self.label.size_hint_y, self.label.valign = None, "middle"
        self.button = Chip("OK", on_dismiss, size_hint_x=None, width=TOUCH * 1.3)
        for widget in (self.mark, self.label):
            widget.pos_hint = {"center_y": 0.5}
            self.add_widget(widget)
        self.button.pos_hint = {"center_y": 0.5}
        self.label.bind(height=self._fit)
        self.bind(parent=self._watch)
        self._alone = False
        self.show(None, "", alone=False)

    def show(self, notice: Notice | None, loading: str, *, alone: bool) -> None:
        """Say the notice, else what is loading, else nothing. alone: there is no picture behind."""
        text = notice.text if notice else f"{loading} …" if loading else ""
        self._alone = alone
        self.opacity = 1 if text else 0
        self.disabled = not text
        self.mark.kind = "error" if notice and notice.error else "done" if notice else "busy" if loading else ""
        if self.label.text != text:
            self.label.text = text
        wanted = notice is not None
        if wanted and self.button.parent is None:
            self.add_widget(self.button)
        elif not wanted and self.button.parent is not None:
            self.remove_widget(self.button)
        self._fit()

    def _watch(self, _: Any, parent: Any) -> None:
        if parent is not None:
            parent.bind(size=self._fit, pos=self._fit)

    def _fit(self, *_: Any) -> None:
        if self.parent is None:
            return
        self.width = min(self.parent.width - 6 * GAP, TOUCH * (13 if self.button.parent else 7))
        self.height = max(self.label.height, TOUCH if self.button.parent else self.mark.height) + 4 * GAP
        self.center_x = self.parent.center_x
        if self._alone:
            self.center_y = self.parent.center_y
        else:
            self.y = self.parent.y + TOUCH * 2.7


class _Mark(Widget):
    """A small sign of the notice's kind: a turning arc while something loads."""

    kind = StringProperty("")

    def __init__(self) -> None:
        super().__init__(size_hint=(None, None), size=(TOUCH * 0.5, TOUCH * 0.5))
        self._turn = 0.0
        self.bind(pos=self._draw, kind=self._change)
        self._clock = Clock.schedule_interval(self._draw, 1 / 30)
        self._clock.cancel()

    def _change(self, *_: Any) -> None:
        """The window rests while nothing turns."""
        self._clock.cancel()
        if self.kind == "busy":
            self._clock()
        self._draw()

    def _draw(self, *_: Any) -> None:
        self.canvas.clear()
        if not self.kind:
            return
        radius, width = self.width * 0.4, self.width * 0.07
        x, y = self.center
        with self.canvas:
            if self.kind == "busy":
                self._turn = (self._turn + 12) % 360
                Color(*FAINT[:3], 0.4)
                Line(circle=(x, y, radius), width=width)
                Color(*INK)
                Line(circle=(x, y, radius, self._turn, self._turn + 90), width=width)
            elif self.kind == "error":
                Color(*WARN)
                Line(circle=(x, y, radius), width=width)
                Line(points=(x, y - radius * 0.1, x, y + radius * 0.5), width=width)
                Line(circle=(x, y - radius * 0.5, width * 0.6), width=width * 0.8)
            else:
                Color(*LIVE)
                points = (x - radius, y, x - radius * 0.3, y - radius * 0.7, x + radius, y + radius * 0.7)
                Line(points=points, width=width, joint="round", cap="round")
