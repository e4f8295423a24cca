"""A sheet over the window in which to find a file or a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kivy.uix.boxlayout import BoxLayout
from kivy.uix.gridlayout import GridLayout
from kivy.uix.modalview import ModalView
from kivy.uix.scrollview import ScrollView

from densepose_mobile.apps.camera.browsing import entries
from densepose_mobile.apps.camera.view.theme import GAP, GROUND, PANEL, RADIUS, TOUCH
from densepose_mobile.apps.camera.view.widgets import Chip, Rounded, line

__all__ = ["Browser"]

_MOST = 300  # lines of a listing that are shown


class Browser(ModalView):
    """Asks for one path at a time; starts where the last one was found."""

    def __init__(self) -> None:
        super().__init__(size_hint=(0.9, 0.88), background="", background_color=(0, 0, 0, 0))
        self.overlay_color = (*GROUND[:3], 0.8)
        self._folder = Path.home()
        self._suffixes: Sequence[str] = ()
        self._on_path: Callable[[Path], None] = lambda path: None
        self._body = BoxLayout(orientation="vertical", padding=2 * GAP, spacing=GAP)
        Rounded(self._body, PANEL, RADIUS)
        self._heading, self._where = line("", "large", bold=True), line("", "small", faint=True)
        self._list = GridLayout(cols=1, spacing=GAP / 2, size_hint_y=None)
        self._list.bind(minimum_height=self._list.setter("height"))
        scroll = ScrollView(do_scroll_x=False, bar_width=GAP)
        scroll.add_widget(self._list)
        self._buttons = BoxLayout(size_hint_y=None, height=TOUCH, spacing=GAP)
        self._here = Chip("Use this folder", lambda: self._choose(self._folder))
        self._here.selected = True
        self._buttons.add_widget(Chip("Cancel", self.dismiss))
        self._buttons.add_widget(Chip("Up", lambda: self._open(self._folder.parent)))
        for widget in (self._heading, self._where, scroll, self._buttons):
            self._body.add_widget(widget)
        self.add_widget(self._body)

    def ask(
        self, heading: str, suffixes: Sequence[str], on_path: Callable[[Path], None], *, folders: bool = False
    ) -> None:
        """Let the user find a file with one of the suffixes, or also a folder; `on_path` gets it, or is not called."""
        self._heading.text, self._suffixes, self._on_path = heading, suffixes, on_path
        if (self._here.parent is not None) != folders:
            (self._buttons.add_widget if folders else self._buttons.remove_widget)(self._here)
        self._open(self._folder)
        self.open()

    def _open(self, folder: Path) -> None:
        self._folder = folder
        self._where.text = str(folder)
        self._list.clear_widgets()
        found = entries(folder, self._suffixes)
        for entry in found[:_MOST]:
            take = self._open if entry.is_folder else self._choose
            chip = Chip(entry.name, _later(take, entry.path), margin=3 * GAP)
            chip.halign = "left"
            self._list.add_widget(chip)
        if not found:
            self._list.add_widget(line("Nothing here that fits.", faint=True))

    def _choose(self, path: Path) -> None:
        self.dismiss()
        self._on_path(path)


def _later(action: Callable[[Path], Any], path: Path) -> Callable[[], None]:
    return lambda: action(path)
