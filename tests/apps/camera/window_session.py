"""Run by test_view in a process of its own: the real window, drawn in memory and touched as a finger would.

Writes STEP.npy, the window's pixels, and session.json, what was seen, into the folder that is its argument.
"""

import json
import sys
from pathlib import Path
from typing import Any

from densepose_mobile.apps.camera.display import prepare_kivy

prepare_kivy(offscreen=True)

from kivy.config import Config  # noqa: E402

Config.set("graphics", "width", "1000")
Config.set("graphics", "height", "700")

import numpy as np  # noqa: E402
from kivy.clock import Clock  # noqa: E402
from kivy.core.window import Window  # noqa: E402
from kivy.tests.common import UnitTestTouch  # noqa: E402

from densepose_mobile.apps.camera.controller import Controller  # noqa: E402
from densepose_mobile.apps.camera.sources import Choice  # noqa: E402
from densepose_mobile.apps.camera.state import Settings  # noqa: E402
from densepose_mobile.apps.camera.view.app import CameraApp, window_pixels  # noqa: E402
from densepose_mobile.errors import InputError  # noqa: E402
from densepose_mobile.results import DensePoseResult, Person  # noqa: E402
from densepose_mobile.streaming import Stream  # noqa: E402

OUT = Path(sys.argv[1])
COLOURS = {"top_left": (220, 30, 30), "top_right": (30, 200, 30), "bottom_left": (30, 60, 220), "rest": (240, 240, 240)}


def quarters() -> np.ndarray:
    """(60, 80, 3): a colour in each quarter, so that no flip and no swapped channel goes unseen."""
    picture = np.empty((60, 80, 3), np.uint8)
    picture[:30, :40], picture[:30, 40:] = COLOURS["top_left"], COLOURS["top_right"]
    picture[30:, :40], picture[30:, 40:] = COLOURS["bottom_left"], COLOURS["rest"]
    return picture


class Model:
    """One person of the part "torso front" at the right edge, half way up."""

    backend = "litert"

    def stream(self, on_result: Any, on_error: Any, **options: Any) -> Stream:
        part = np.full((24, 16), 2, np.uint8)
        ones = np.ones(part.shape, np.float32)
        person = Person(np.array([60, 18, 76, 42], np.float32), 0.9, part, np.stack([ones, ones]) / 2, ones)
        return Stream(lambda frame, t_ms: DensePoseResult((person,), 60, 80, {"total": 5.0}), on_result, on_error)


class Source:
    title, interval_ms, scene = "quarters", 20.0, 0

    def picture(self, t_ms: float) -> np.ndarray:
        return quarters()

    def close(self) -> None:
        pass


def opening(choice: Choice) -> Source:
    if choice.kind == "camera":
        raise InputError("camera 0 does not open: plug one in, or choose another source")
    return Source()


class Session:
    """Steps of a visit: each waits until what it waits for is on screen, then looks and acts."""

    def __init__(self) -> None:
        settings = Settings(styles=("parts",), out=OUT / "shots")
        self.controller = Controller(settings, load=lambda *_: Model(), opening=opening)
        self.app = CameraApp(self.controller)
        self.seen: dict[str, Any] = {}
        self.steps = [
            ("first", lambda s: s.people == 1 and self.shown(), self.touch_styles),
            ("mirror", lambda s: s.look.mirror and s.look.styles == ("parts", "contour"), self.touch_mode),
            ("mode", lambda s: s.mode == "fast" and s.people == 1, self.touch_shutter),
            ("saved", lambda s: s.notice is not None, self.touch_camera),
            ("camera", lambda s: s.notice is not None and s.notice.error, self.touch_people),
            ("people", lambda s: s.people == 1 and self.shown(), self.turn),
            ("phone", lambda s: self.app.body.orientation == "vertical", self.leave),
        ]
        self.patience = 1200

    def run(self) -> None:
        Clock.schedule_interval(self.step, 0.05)
        self.app.run()
        (OUT / "session.json").write_text(json.dumps(self.seen))

    def shown(self) -> bool:
        picture = self.controller.picture
        return picture is not None and picture.seen

    def step(self, _: float) -> None:
        self.patience -= 1
        if self.patience < 0:
            self.app.stop()
        name, ready, act = self.steps[0]
        if not ready(self.controller.state):
            return
        if name not in self.seen:  # what is on screen follows the state a little later
            self.seen[name] = {}
            self.left = 12
        self.left -= 1
        if self.left > 0:
            return
        self.look(name)
        self.steps.pop(0)
        act()

    def look(self, name: str) -> None:
        np.save(OUT / f"{name}.npy", window_pixels())
        state, stage, panel = self.controller.state, self.app.stage, self.app.panel
        self.seen[name] = {
            "place": stage.screen.place,
            "pills": [stage.source.text, stage.speed.text, stage.count.text],
            "pill_boxes": [(*pill.to_window(*pill.pos), *pill.size) for pill in (stage.source, stage.speed)],
            "card": stage.card.label.text if stage.card.opacity else "",
            "card_box": (*stage.card.pos, *stage.card.size),
            "chosen": [list(chips.chosen) for chips in (panel.sources, panel.models, panel.backends, panel.modes)],
            "styles": list(panel.styles.chosen),
            "kind": state.source.kind,
            "mirror": state.look.mirror,
            "legend": [(*w.to_window(*w.pos), *w.size, w.part) for w in panel.walk() if hasattr(w, "part")],
            "texts": [w.text for w in self.app.body.walk() if hasattr(w, "texture_size") and w.text],
        }

    def touch(self, widget: Any) -> None:
        touch = UnitTestTouch(*widget.to_window(*widget.center))
        touch.touch_down()
        touch.touch_up()

    def touch_styles(self) -> None:
        self.touch(self.app.panel.styles.chips["contour"])
        self.touch(self.app.stage.mirror)

    def touch_mode(self) -> None:
        self.touch(self.app.stage.mirror)
        self.app.panel.scroll_to(self.app.panel.modes, animate=False)
        Clock.schedule_once(lambda _: self.touch(self.app.panel.modes.chips["fast"]), 0.1)

    def touch_shutter(self) -> None:
        self.touch(self.app.stage.shutter)

    def touch_camera(self) -> None:
        self.app.panel.scroll_y = 1
        Clock.schedule_once(lambda _: self.touch(self.app.panel.sources.chips["camera0"]), 0.1)

    def touch_people(self) -> None:
        self.touch(self.app.panel.sources.chips["people"])

    def turn(self) -> None:
        Window.size = (400, 820)

    def leave(self) -> None:
        self.app.stop()


if __name__ == "__main__":
    Session().run()
