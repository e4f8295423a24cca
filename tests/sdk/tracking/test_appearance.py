"""Colours of body parts, and who looks like whom."""

import numpy as np
import pytest

from densepose_mobile.postprocess.maps import DenseMaps
from densepose_mobile.postprocess.silhouette import silhouette
from densepose_mobile.tracking.appearance import PartColours

RED, BLUE = (255, 0, 0), (0, 0, 255)


def look(roi: tuple[float, float, float, float], upper: int = 2, lower: int = 9) -> DenseMaps:
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


def seen(picture: np.ndarray, maps: DenseMaps) -> PartColours:
    shape = silhouette(maps.foreground, maps.roi, *picture.shape[:2])
    assert shape is not None
    return PartColours.seen(picture, maps, shape)


ROI = (20, 20, 180, 180)


def test_each_part_has_its_mean_colour() -> None:
    colours = seen(dressed(RED, BLUE), look(ROI))
    assert set(np.flatnonzero(colours.cells)) == {2, 9}
    np.testing.assert_allclose(colours.colour[2], [1, 0, 0])
    np.testing.assert_allclose(colours.colour[9], [0, 0, 1])


@pytest.mark.parametrize("roi", [(-80, 20, 80, 180), (20, 150, 180, 310)])
def test_a_person_who_leaves_the_picture(roi: tuple[float, float, float, float]) -> None:
    colours = seen(dressed(RED, BLUE), look(roi))
    assert np.isfinite(colours.colour).all()
    assert 0 < colours.cells.sum() < 28 * 56


def test_likeness_orders_people() -> None:
    me = seen(dressed(RED, BLUE), look(ROI))
    darker = seen(dressed(RED, BLUE, 0.8), look(ROI))
    other = seen(dressed(BLUE, RED), look(ROI))
    assert me.unlike(me) == 0
    assert 0 < me.unlike(darker) < 0.1
    assert me.unlike(other) > 0.5
    assert me.unlike(other) == other.unlike(me)


def test_no_part_in_common_says_nothing() -> None:
    me = seen(dressed(RED, BLUE), look(ROI))
    back = seen(dressed(RED, BLUE), look(ROI, 1, 7))
    assert me.unlike(back) == pytest.approx(0.1)


def test_memory_is_slow_for_the_known_and_quick_for_the_new() -> None:
    me = seen(dressed(RED, BLUE), look(ROI))
    shaded = seen(dressed(BLUE, BLUE), look(ROI, upper=1))
    after = me.with_memory(shaded)
    np.testing.assert_allclose(after.colour[2], me.colour[2])  # not seen now
    np.testing.assert_allclose(after.colour[1], [0, 0, 1])  # seen for the first time
    after = me.with_memory(seen(dressed(BLUE, BLUE), look(ROI)))
    np.testing.assert_allclose(after.colour[2], [0.9, 0, 0.1], atol=1e-6)
