"""The choosers: source, model, backend, mode, styles, strength; and the legend."""

from typing import Any, Final, get_args

from kivy.uix.boxlayout import BoxLayout
from kivy.uix.scrollview import ScrollView

from densepose_mobile.apps.camera.controller import Controller
from densepose_mobile.apps.camera.live import LiveMode
from densepose_mobile.apps.camera.sources import Choice, Kind
from densepose_mobile.apps.camera.state import State
from densepose_mobile.apps.camera.view.browser import Browser
from densepose_mobile.apps.camera.view.legend import Legend
from densepose_mobile.apps.camera.view.theme import GAP
from densepose_mobile.apps.camera.view.widgets import Chips, Section, Strength, line
from densepose_mobile.bundle import BUNDLE_SUFFIX, DEFAULT_BUNDLE, registered
from densepose_mobile.cli.inputs import VIDEO_SUFFIXES
from densepose_mobile.draw import STYLES
from densepose_mobile.imaging import PICTURE_SUFFIXES
from densepose_mobile.runtime import backends

__all__ = ["Panel"]

_SOURCES: Final = (
    ("camera0", "Camera"),
    ("camera1", "Camera 2"),
    ("people", "Rendered"),
    ("video", "Video …"),
    ("pictures", "Pictures …"),
)
_STYLES: Final = {"parts": "Parts", "uv": "U V", "contour": "Outline", "boxes": "Boxes"}
_FILE: Final = "file"


class Panel(ScrollView):
    """Scrolls where it is too tall."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(do_scroll_x=False, bar_width=GAP / 2, scroll_type=["bars", "content"])
        self._controller = controller
        self._browser = Browser()
        self.title = line("densepose-mobile", "title", bold=True)
        self.subtitle = line("", "small", faint=True)
        self.sources = Chips(_SOURCES, self._choose_source, 3)
        models = [(name, name) for name in sorted(registered(), key=lambda name: (name != DEFAULT_BUNDLE, name))]
        self.models = Chips([*models, (_FILE, "Open …")], self._choose_model, 3)
        self.backends = Chips([("auto", "auto"), *((b.name, b.name) for b in backends())], controller.choose_backend, 3)
        for backend in backends():
            self.backends.chips[backend.name].present = backend.available
        self.modes = Chips([(mode, mode) for mode in get_args(LiveMode)], self._choose_mode, 4)
        self.styles = Chips([(s, _STYLES.get(s, s)) for s in STYLES], controller.toggle_style, 4)
        self.strength = Strength(controller.set_opacity)
        self.legend = Legend()
        content = BoxLayout(orientation="vertical", spacing=2.2 * GAP, padding=2.5 * GAP, size_hint_y=None)
        content.bind(minimum_height=content.setter("height"))
        head = BoxLayout(orientation="vertical", spacing=GAP / 2, size_hint_y=None)
        head.bind(minimum_height=head.setter("height"))
        head.add_widget(self.title)
        head.add_widget(self.subtitle)
        for widget in (
            head,
            Section("SOURCE", self.sources),
            Section("SHOW", self.styles, self.strength),
            self.legend,
            Section("MODE", self.modes),
            Section("MODEL", self.models),
            Section("BACKEND", self.backends),
        ):
            content.add_widget(widget)
        self.add_widget(content)

    def show(self, state: State) -> None:
        """Mark what is chosen."""
        kind = state.source.kind
        self.sources.chosen = [f"camera{state.source.value or 0}" if kind == "camera" else kind]
        self.models.chosen = [state.model if state.model in self.models.chips else _FILE]
        self.backends.chosen = [state.backend]
        self.modes.chosen = [state.mode]
        self.styles.chosen = list(state.look.styles)
        self.strength.value = state.look.opacity
        where = f" on {state.running_on}" if state.running_on else ""
        self.subtitle.text = state.loading or f"{state.model}{where}, {state.mode}"
        self.legend.explain(parts="parts" in state.look.styles, uv="uv" in state.look.styles)
        self.legend.light(state.parts)

    def _choose_source(self, name: str) -> None:
        if name == "video":
            self._browser.ask("Choose a video", VIDEO_SUFFIXES, self._take("video"))
        elif name == "pictures":
            self._browser.ask("Choose a folder or a picture", PICTURE_SUFFIXES, self._take("pictures"), folders=True)
        elif name == "people":
            self._controller.choose_source(Choice("people"))
        else:
            self._controller.choose_source(Choice("camera", name.removeprefix("camera")))

    def _take(self, kind: Kind) -> Any:
        return lambda path: self._controller.choose_source(Choice(kind, str(path)))

    def _choose_model(self, name: str) -> None:
        if name == _FILE:
            self._browser.ask(
                "Choose a bundle", (BUNDLE_SUFFIX,), lambda path: self._controller.choose_model(str(path))
            )
        else:
            self._controller.choose_model(name)

    def _choose_mode(self, mode: Any) -> None:
        self._controller.choose_mode(mode)
