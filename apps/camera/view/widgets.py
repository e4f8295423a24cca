"""The few kinds of widgets that the window is made of."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from kivy.graphics import Color, Ellipse, RoundedRectangle
from kivy.properties import BooleanProperty, ListProperty, NumericProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.gridlayout import GridLayout
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from densepose_mobile.apps.camera.view.theme import FAINT, GAP, GROUND, INK, LIVE, RADIUS, RAISED, SCRIM, TEXT, TOUCH

__all__ = ["Chip", "Chips", "Pill", "Rounded", "Section", "Strength", "line"]

_BOLD: Final = {True: INK, False: FAINT}


def line(text: str = "", size: str = "body", *, faint: bool = False, bold: bool = False, align: str = "left") -> Label:
    """A line of text as wide as its place, as tall as it needs."""
    label = Label(
        text=text, font_size=TEXT[size], bold=bold, color=_BOLD[not faint], size_hint_y=None, halign=align, markup=False
    )
    label.bind(width=lambda widget, width: setattr(widget, "text_size", (width, None)))
    label.bind(texture_size=lambda widget, size: setattr(widget, "height", size[1]))
    return label


class Rounded:
    """A filled rounded rectangle behind a widget."""

    def __init__(self, widget: Any, colour: Sequence[float], radius: float = RADIUS) -> None:
        with widget.canvas.before:
            self._colour = Color(*colour)
            self._shape = RoundedRectangle(radius=[radius], pos=widget.pos, size=widget.size)
        widget.ground = self  # bindings alone would not keep it
        widget.bind(pos=self._follow, size=self._follow)

    def paint(self, colour: Sequence[float]) -> None:
        """Change its colour."""
        self._colour.rgba = colour

    def _follow(self, widget: Any, _: Any) -> None:
        self._shape.pos, self._shape.size = widget.pos, widget.size


class Chip(ButtonBehavior, Label):
    """Something to choose: filled when it is chosen, dim when it is not there to be chosen."""

    selected = BooleanProperty(False)
    present = BooleanProperty(True)

    def __init__(self, text: str, on_release: Callable[[], None], margin: float = GAP, **options: Any) -> None:
        super().__init__(text=text, font_size=TEXT["body"], size_hint_y=None, height=TOUCH, **options)
        self.shorten, self.shorten_from = True, "right"
        Rounded(self, RAISED)
        self.bind(on_release=lambda _: on_release())
        self.bind(selected=self._paint, present=self._paint, state=self._paint)
        self.bind(width=lambda _, width: setattr(self, "text_size", (width - margin, None)))
        self.halign = "center"
        self._paint()

    def _paint(self, *_: Any) -> None:
        down = self.state == "down"
        ground = INK if self.selected else RAISED
        self.ground.paint((*ground[:3], 0.8 if down else 1.0 if self.present else 0.45))
        self.color = GROUND if self.selected else INK if self.present else FAINT
        self.bold = self.selected


class Chips(GridLayout):
    """Chips in equal columns. chosen: the values that are selected."""

    chosen = ListProperty([])

    def __init__(self, options: Sequence[tuple[str, str]], on_choose: Callable[[str], None], columns: int) -> None:
        super().__init__(cols=columns, spacing=GAP, size_hint_y=None)
        self.bind(minimum_height=self.setter("height"))
        self.chips: dict[str, Chip] = {}
        for value, text in options:
            self.chips[value] = Chip(text, lambda value=value: on_choose(value))  # type: ignore[misc]
            self.add_widget(self.chips[value])
        self.bind(chosen=self._mark)

    def _mark(self, *_: Any) -> None:
        for value, chip in self.chips.items():
            chip.selected = value in self.chosen


class Section(BoxLayout):
    """A heading and what belongs to it."""

    def __init__(self, heading: str, *content: Any) -> None:
        super().__init__(orientation="vertical", spacing=GAP, size_hint_y=None)
        self.bind(minimum_height=self.setter("height"))
        self.heading = line(heading, "small", faint=True)
        self.add_widget(self.heading)
        for widget in content:
            self.add_widget(widget)


class Pill(Label):
    """A short text on a dark capsule, legible on any picture; nothing at all without a text. lit: with a light."""

    light = ListProperty(LIVE)

    def __init__(self, *, lit: bool = False) -> None:
        self._side = TOUCH * 0.72
        self._room = TOUCH * 0.3 if lit else 0
        super().__init__(font_size=TEXT["body"], color=INK, size_hint=(None, None), markup=True)
        Rounded(self, SCRIM, self._side / 2)
        with self.canvas.after:
            self._light = Color(*self.light[:3], 1 if lit else 0)
            self._lamp = Ellipse(size=(self._side * 0.28, self._side * 0.28))
        self.bind(texture_size=self._fit, text=self._fit, pos=self._fit, light=self._fit)
        self._fit()

    def _fit(self, *_: Any) -> None:
        self.opacity = 1 if self.text else 0
        self.size = (self.texture_size[0] + 3 * GAP + self._room, self._side) if self.text else (1, self._side)
        self.padding = (self._room, 0, 0, 0)
        self._light.rgb = self.light[:3]
        self._lamp.pos = (self.x + 1.4 * GAP, self.center_y - self._side * 0.14)


class Strength(Widget):
    """A slider from 0 to 1: drawn as the rest is, and touched anywhere along it."""

    value = NumericProperty(1.0)

    def __init__(self, on_value: Callable[[float], None]) -> None:
        super().__init__(size_hint_y=None, height=TOUCH * 0.8)
        self._on_value = on_value
        self._knob = TOUCH * 0.46
        with self.canvas:
            Color(*RAISED)
            self._track = RoundedRectangle(radius=[GAP / 4])
            Color(*INK)
            self._filled = RoundedRectangle(radius=[GAP / 4])
            self._disc = Ellipse(size=(self._knob, self._knob))
        self.bind(pos=self._draw, size=self._draw, value=self._draw)

    def on_touch_down(self, touch: Any) -> bool:
        """Take the touch, and what follows of it."""
        if not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        return self.on_touch_move(touch)

    def on_touch_move(self, touch: Any) -> bool:
        """Follow the finger."""
        if touch.grab_current is not self and touch.is_mouse_scrolling:
            return False
        self.value = min(max((touch.x - self.x - self._knob / 2) / max(self.width - self._knob, 1), 0.0), 1.0)
        self._on_value(self.value)
        return True

    def _draw(self, *_: Any) -> None:
        thick = GAP / 2
        x = self.x + self._knob / 2
        length = self.width - self._knob
        self._track.pos = self._filled.pos = (x, self.center_y - thick / 2)
        self._track.size, self._filled.size = (length, thick), (length * self.value, thick)
        self._disc.pos = (self.x + length * self.value, self.center_y - self._knob / 2)
