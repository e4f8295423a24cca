"""The picture's half of the window: figures above it, buttons below it, and what there is to say."""

from typing import Any

from kivy.animation import Animation
from kivy.graphics import Color, Rectangle
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.stacklayout import StackLayout
from kivy.utils import escape_markup

from densepose_mobile.apps.camera.controller import Controller
from densepose_mobile.apps.camera.state import Picture, State
from densepose_mobile.apps.camera.view.buttons import RoundButton
from densepose_mobile.apps.camera.view.notices import Card
from densepose_mobile.apps.camera.view.screen import PictureScreen
from densepose_mobile.apps.camera.view.theme import GAP, LIVE, TOUCH, WARN
from densepose_mobile.apps.camera.view.widgets import Pill
from densepose_mobile.cli.outputs import people

__all__ = ["Stage"]


class Stage(FloatLayout):
    """Picture, figures, buttons, notices."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._serial: int | None = None
        self.screen = PictureScreen(inset=2 * GAP)
        self.add_widget(self.screen)
        self.figures = StackLayout(
            orientation="lr-tb", spacing=GAP, padding=3 * GAP, size_hint=(1, None), pos_hint={"x": 0, "top": 1}
        )
        self.figures.bind(minimum_height=self.figures.setter("height"))
        self.source, self.speed, self.count = Pill(lit=True), Pill(), Pill()
        for pill in (self.source, self.speed, self.count):
            self.figures.add_widget(pill)
        self.add_widget(self.figures)
        self.card = Card(controller.dismiss)
        self.add_widget(self.card)
        self._add_buttons()
        with self.canvas.after:
            self._flash = Color(1, 1, 1, 0)
            self._sheet = Rectangle()
        self.bind(pos=self._follow, size=self._follow)

    def _add_buttons(self) -> None:
        self.pause = RoundButton("pause", lambda: self._controller.pause(self.pause.sign == "pause"))
        self.shutter = RoundButton("shutter", self._snap, TOUCH * 1.6)
        self.mirror = RoundButton("mirror", lambda: self._controller.set_mirror(not self.mirror.on))
        buttons = (self.pause, self.shutter, self.mirror)
        spacing = 3 * GAP
        bar = BoxLayout(
            size_hint=(None, None),
            size=(sum(button.width for button in buttons) + 2 * spacing, self.shutter.height),
            spacing=spacing,
            pos_hint={"center_x": 0.5},
            y=4 * GAP,
        )
        for button in buttons:
            button.pos_hint = {"center_y": 0.5}
            bar.add_widget(button)
        self.add_widget(bar)
        self.bind(y=lambda _, y: setattr(bar, "y", y + 4 * GAP))

    def show(self, state: State, picture: Picture | None) -> bool:
        """Draw what is new. Returns whether the picture was."""
        serial = picture.serial if picture else None
        new = serial != self._serial
        if new:
            self._serial = serial
            self.screen.show(picture.rgb if picture else None)
            self.figures.padding = (self.screen.place[0] - self.x + 1.5 * GAP, 3.5 * GAP, GAP, GAP)
        self.pause.sign = "play" if state.paused else "pause"
        self.mirror.on = state.look.mirror
        self.source.light = WARN if state.paused else LIVE
        title = escape_markup(state.source.title)
        self.source.text = f"[b]{'PAUSED' if state.paused else 'LIVE'}[/b]   {title}" if picture else ""
        self.speed.text = _speed(state) if picture and state.latency_ms is not None else ""
        self.count.text = people(state.people) if picture and state.latency_ms is not None else ""
        self.card.show(state.notice, state.loading, alone=picture is None)
        return new

    def _snap(self) -> None:
        self._controller.snapshot()
        self._flash.a = 0.6
        Animation(a=0, duration=0.35, t="out_quad").start(self._flash)

    def _follow(self, *_: Any) -> None:
        self._sheet.pos, self._sheet.size = self.pos, self.size


def _speed(state: State) -> str:
    skipped = f"   ·   {state.dropped} skipped" if state.dropped else ""
    return f"[b]{state.fps:.1f}[/b] fps   ·   [b]{state.latency_ms:.0f}[/b] ms{skipped}"
