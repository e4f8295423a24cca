"""What the colours mean. Parts that are in the picture are lit, the others dim."""

from collections.abc import Collection
from typing import Any

import numpy as np
from kivy.graphics import Color, Rectangle, RoundedRectangle
from kivy.graphics.texture import Texture
from kivy.metrics import dp
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from densepose_mobile.apps.camera.view.theme import FAINT, GAP, INK, TEXT
from densepose_mobile.apps.camera.view.widgets import Section, line
from densepose_mobile.draw import PALETTE, legend_rows
from densepose_mobile.draw.palette import UV_CORNERS

__all__ = ["Legend"]

_ROW = dp(21)
_SWATCH = dp(44)
_DIM = 0.22


class Legend(Section):
    """The parts with their colours, the person's right side and left side, and the gradient over U and V."""

    def __init__(self) -> None:
        self._rows = [_Row(name, right, left) for name, right, left in legend_rows()]
        self._table = BoxLayout(orientation="vertical", spacing=dp(2), size_hint_y=None)
        self._table.bind(minimum_height=self._table.setter("height"))
        for row in (_head(), *self._rows):
            self._table.add_widget(row)
        self._gradient = _Gradient()
        super().__init__("LEGEND", self._table)

    def explain(self, *, parts: bool, uv: bool) -> None:
        """Show what the chosen styles need. Parts have their colours, or else the gradient its own."""
        for widget, wanted in ((self._table, parts or not uv), (self._gradient, uv)):
            if wanted and widget.parent is None:
                self.add_widget(widget)
            elif not wanted and widget.parent is not None:
                self.remove_widget(widget)

    def light(self, visible: Collection[int]) -> None:
        """Light the parts that are in the picture; all of them where none is."""
        for row in self._rows:
            row.light(visible)


def _head() -> BoxLayout:
    head = BoxLayout(size_hint_y=None, height=dp(18), spacing=GAP)
    head.add_widget(Widget())
    for side in ("right", "left"):
        head.add_widget(Label(text=side, font_size=TEXT["small"], color=FAINT, size_hint_x=None, width=_SWATCH))
    return head


class _Row(BoxLayout):
    def __init__(self, name: str, right: int, left: int) -> None:
        super().__init__(size_hint_y=None, height=_ROW, spacing=GAP)
        self._label = line(name, "small")
        self._label.pos_hint = {"center_y": 0.5}
        self.add_widget(self._label)
        parts = (right,) if right == left else (right, left)
        width = (2 * _SWATCH + GAP) if right == left else _SWATCH
        self._swatches = [_Swatch(part, width) for part in parts]
        for swatch in self._swatches:
            self.add_widget(swatch)

    def light(self, visible: Collection[int]) -> None:
        lit = [not visible or swatch.part in visible for swatch in self._swatches]
        for swatch, on in zip(self._swatches, lit, strict=True):
            swatch.colour.a = 1 if on else _DIM
        self._label.color = INK if any(lit) else FAINT


class _Swatch(Widget):
    def __init__(self, part: int, width: float) -> None:
        super().__init__(size_hint=(None, None), size=(width, _ROW - dp(7)), pos_hint={"center_y": 0.5})
        self.part = part
        with self.canvas:
            self.colour = Color(*(PALETTE[part] / 255))
            shape = RoundedRectangle(radius=[dp(4)], size=self.size)
        self.bind(pos=lambda _, pos: setattr(shape, "pos", pos), size=lambda _, size: setattr(shape, "size", size))


class _Gradient(BoxLayout):
    """U to the right, V upward, in the colours of the style "uv"."""

    def __init__(self) -> None:
        super().__init__(size_hint_y=None, height=dp(72), spacing=2 * GAP)
        text = line("On each part U runs across this square and V up it. White lines: equal U. Dark lines: equal V.")
        text.color, text.font_size = FAINT, TEXT["small"]
        text.pos_hint = {"center_y": 0.5}
        square = Widget(size_hint=(None, None), size=(dp(72), dp(72)))
        texture = Texture.create(size=(2, 2), colorfmt="rgb")
        texture.mag_filter = "linear"
        # Rows of a texture run up, as V does; columns are U.
        texture.blit_buffer(np.ascontiguousarray(UV_CORNERS.swapaxes(0, 1)).tobytes(), colorfmt="rgb")
        with square.canvas:
            Color(1, 1, 1, 1)
            # Colours lie in the middle of texels: show from middle to middle.
            low, high = 0.25, 0.75
            shape = Rectangle(texture=texture, tex_coords=(low, low, high, low, high, high, low, high))
        square.bind(pos=lambda _, pos: setattr(shape, "pos", pos), size=lambda _, size: setattr(shape, "size", size))
        shape.size = square.size
        self.add_widget(text)
        self.add_widget(square)

    def on_touch_down(self, touch: Any) -> bool:
        return False
