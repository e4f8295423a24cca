"""Colours of body parts, and who looks like whom."""

import numpy as np
import pytest

from densepose_mobile.postprocess.maps import DenseMaps
from densepose_mobile.tracking.appearance import PartColours

RED, BLUE = (255, 0, 0), (0, 0, 255)


def maps(roi: tuple[float, float, float, float], upper: int = 2, lower: int = 9) -> DenseMaps:
    """A person over the middle half of the RoI's width: `upper` part above, `lower` below."""
    foreground = np.full((56, 56), -4, np.float32)
    foreground[:, 14:42] = 4
    parts = np.zeros((56, 56, 24), np.float32)
    parts[:28, :, upper - 1] = parts[28:, :, lower - 1] = 5
    zeros = np.zeros((56, 56, 24), np.float32)
    return DenseMaps(np.array(roi, np.float32), foreground, parts, zeros, zeros, foreground)


def dressed(upper: tuple[int, int, int], lower: tuple[int, int, int], light: float = 1.0) -> np.ndarray:
    picture = np.full((200, 200, 3), 90, np.uint8)
    picture[20:100, 60:140], picture[100:180, 60:140] = upper, lower
    return (picture * light).astype(np.uint8)


ROI = (20, 20, 180, 180)


def test_each_part_has_its_mean_colour() -> None:
    seen = PartColours.seen(dressed(RED, BLUE), maps(ROI))
    assert set(np.flatnonzero(seen.cells)) == {2, 9}
    np.testing.assert_allclose(seen.colour[2], [1, 0, 0])
    np.testing.assert_allclose(seen.colour[9], [0, 0, 1])


@pytest.mark.parametrize("roi", [(-120, 20, 40, 180), (20, 150, 180, 310), (500, 500, 600, 600)])
def test_a_person_who_leaves_the_picture(roi: tuple[float, float, float, float]) -> None:
    seen = PartColours.seen(dressed(RED, BLUE), maps(roi))
    assert np.isfinite(seen.colour).all()
    assert seen.cells.sum() < 28 * 56


def test_likeness_orders_people() -> None:
    me = PartColours.seen(dressed(RED, BLUE), maps(ROI))
    darker = PartColours.seen(dressed(RED, BLUE, 0.8), maps(ROI))
    other = PartColours.seen(dressed(BLUE, RED), maps(ROI))
    assert me.unlike(me) == 0
    assert 0 < me.unlike(darker) < 0.1
    assert me.unlike(other) > 0.5
    assert me.unlike(other) == other.unlike(me)


def test_no_part_in_common_says_nothing() -> None:
    me = PartColours.seen(dressed(RED, BLUE), maps(ROI))
    back = PartColours.seen(dressed(RED, BLUE), maps(ROI, 1, 7))
    assert me.unlike(back) == pytest.approx(0.1)


def test_memory_is_slow_for_the_known_and_quick_for_the_new() -> None:
    me = PartColours.seen(dressed(RED, BLUE), maps(ROI))
    shaded = PartColours.seen(dressed(BLUE, BLUE), maps(ROI, upper=1))
    after = me.with_memory(shaded)
    np.testing.assert_allclose(after.colour[2], me.colour[2])  # not seen now
    np.testing.assert_allclose(after.colour[1], [0, 0, 1])  # seen for the first time
    after = me.with_memory(PartColours.seen(dressed(BLUE, BLUE), maps(ROI)))
    np.testing.assert_allclose(after.colour[2], [0.9, 0, 0.1], atol=1e-6)
