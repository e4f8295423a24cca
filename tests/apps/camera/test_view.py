"""The window itself, drawn in memory: true pixels, real touches. One process makes one visit; the tests look at it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densepose_mobile.draw import PALETTE

pytest.importorskip("kivy")

SESSION = Path(__file__).with_name("window_session.py")
STEPS = ("first", "mirror", "mode", "saved", "camera", "people", "phone")
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 60, 220), (240, 240, 240)


class Visit:
    """What `window_session` left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[str, Any] = json.loads((folder / "session.json").read_text())
        self.pixels = {step: np.load(folder / f"{step}.npy") for step in self.seen if (folder / f"{step}.npy").exists()}

    def at(self, step: str, across: float, down: float) -> np.ndarray:
        """Mean colour at a place of the shown picture, in fractions of it from its top left."""
        left, bottom, width, height = self.seen[step]["place"]
        pixels = self.pixels[step]
        x, y = round(left + across * width), round(len(pixels) - bottom - height + down * height)
        return pixels[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0)

    def box(self, step: str, box: list[float]) -> np.ndarray:
        """Pixels of a widget's x, y, width, height, from the window's bottom left."""
        x, y, width, height = (round(value) for value in box[:4])
        pixels = self.pixels[step]
        return pixels[len(pixels) - y - height : len(pixels) - y, x : x + width]


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    folder = tmp_path_factory.mktemp("visit")
    environment = {**os.environ, "KIVY_HOME": str(folder / "kivy")}
    done = subprocess.run([sys.executable, str(SESSION), str(folder)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Visit(folder)


def test_every_step_came(visit: Visit) -> None:
    assert tuple(visit.seen) == STEPS
    assert tuple(visit.pixels) == STEPS


def test_the_picture_is_right_side_up_and_red_is_red(visit: Visit) -> None:
    for place, colour in (((0.3, 0.3), RED), ((0.6, 0.1), GREEN), ((0.25, 0.9), BLUE), ((0.6, 0.9), WHITE)):
        np.testing.assert_allclose(visit.at("first", *place), colour, atol=6, err_msg=str(place))


def test_the_paint_lies_on_the_person(visit: Visit) -> None:
    for down in (0.4, 0.6):  # above and below the border of green and white
        painted = visit.at("first", 0.85, down)
        under = np.array(GREEN if down < 0.5 else WHITE)
        assert np.abs(painted - PALETTE[2]).sum() < np.abs(under - PALETTE[2].astype(int)).sum()
        assert np.abs(painted - under).sum() > 60
    np.testing.assert_allclose(visit.at("first", 0.15, 0.6), BLUE, atol=6)


def test_a_mirror_swaps_left_and_right(visit: Visit) -> None:
    for place, colour in (((0.7, 0.3), RED), ((0.4, 0.1), GREEN), ((0.75, 0.9), BLUE), ((0.4, 0.9), WHITE)):
        np.testing.assert_allclose(visit.at("mirror", *place), colour, atol=6, err_msg=str(place))
    assert np.abs(visit.at("mirror", 0.15, 0.6) - WHITE).sum() > 60
    np.testing.assert_allclose(visit.at("mirror", 0.85, 0.6), BLUE, atol=6)


def test_touches_choose(visit: Visit) -> None:
    assert visit.seen["first"]["chosen"] == [["people"], ["small"], ["auto"], ["video"]]
    assert visit.seen["first"]["styles"] == ["parts"]
    assert visit.seen["mirror"]["styles"] == ["parts", "contour"]
    assert visit.seen["mode"]["chosen"] == [["people"], ["small"], ["auto"], ["fast"]]
    assert not visit.seen["mode"]["mirror"]
    assert visit.seen["camera"]["chosen"][0] == ["camera0"]
    assert visit.seen["people"]["chosen"][0] == ["people"]


def test_the_figures_are_written_on_the_picture(visit: Visit) -> None:
    source, speed, count = visit.seen["first"]["pills"]
    assert "LIVE" in source
    assert "fps" in speed
    assert "ms" in speed
    assert count == "1 person"
    for box in visit.seen["first"]["pill_boxes"]:
        pill = visit.box("first", box).astype(int)
        assert (pill.min(-1) > 200).sum() > 40  # bright letters
        assert np.median(pill.mean(-1)) < 110  # on dark


def test_labels_and_legend_are_there(visit: Visit) -> None:
    texts = set(visit.seen["first"]["texts"])
    assert {"Camera", "Parts", "U V", "Outline", "Boxes", "video", "fast", "balanced", "accurate", "auto"} <= texts
    assert {"torso front", "head", "hand", "foot", "upper arm outer", "right", "left"} <= texts
    swatches = {entry[4]: visit.box("first", entry) for entry in visit.seen["first"]["legend"]}
    assert set(swatches) == set(range(1, 25))
    lit, dim = swatches[2][5, 20], swatches[4][5, 20]
    np.testing.assert_allclose(lit, PALETTE[2], atol=4)  # in the picture
    assert dim.sum() < 0.6 * PALETTE[4].sum()  # not in it


def test_a_snapshot_is_written_and_told(visit: Visit) -> None:
    assert "Saved snapshot-" in visit.seen["saved"]["card"]
    assert len(list((visit.folder / "shots").iterdir())) == 4


def test_a_missing_camera_is_told_on_screen(visit: Visit) -> None:
    assert "plug one in" in visit.seen["camera"]["card"]
    card = visit.box("camera", visit.seen["camera"]["card_box"]).astype(int)
    assert (card.min(-1) > 200).sum() > 200
    stage = visit.pixels["camera"][60:600, 20:640].astype(int)
    assert np.abs(stage - RED).sum(-1).min() > 60  # no picture of the last source stays
    np.testing.assert_allclose(visit.at("people", 0.3, 0.3), RED, atol=6)


def test_a_phone_held_upright(visit: Visit) -> None:
    assert visit.pixels["phone"].shape == (820, 400, 3)
    np.testing.assert_allclose(visit.at("phone", 0.3, 0.3), RED, atol=6)
    _, bottom, width, _ = visit.seen["phone"]["place"]
    assert width > 350
    assert bottom > 0.42 * 820
