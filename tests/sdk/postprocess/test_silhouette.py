"""Silhouettes: smooth edges, specks, and pixels that several people claim."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile.postprocess.silhouette import Silhouette, disjoint, silhouette

CELLS = 14
EQUAL = (0.5,) * 3


def half_plane(edge: float, roi: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Foreground left of x = edge, as signed distance."""
    x = roi[0] + (np.arange(CELLS) + 0.5) / CELLS * (roi[2] - roi[0])
    return np.tile(edge - x, (CELLS, 1)).astype(np.float32)


@given(st.floats(-20, 20), st.floats(60, 300), st.floats(0.1, 0.9))
def test_edge_is_where_the_logit_crosses_zero(left: float, width: float, fraction: float) -> None:
    roi = (left, 10.0, left + width, 90.0)
    edge = left + fraction * width
    shape = silhouette(half_plane(edge, roi), np.array(roi, np.float32), 100, 400)
    inside = np.flatnonzero((np.arange(400) + 0.5 > left) & (np.arange(400) + 0.5 < edge))
    if not inside.size:
        assert shape is None
        return
    assert shape is not None
    assert shape.box[1] == 10
    assert shape.box[3] == 90
    assert abs(shape.box[0] - inside[0]) <= 1  # rounding where a pixel centre lies on the edge
    assert abs(shape.box[2] - 1 - inside[-1]) <= 1
    assert shape.mask[:, :-1].all()


def test_picture_clips_the_person() -> None:
    shape = silhouette(np.ones((CELLS, CELLS), np.float32), np.array([-30, -10, 70, 90], np.float32), 50, 40)
    assert shape is not None
    assert shape.box == (0, 0, 40, 50)


def test_nobody_and_nowhere() -> None:
    roi = np.array([10, 10, 30, 30], np.float32)
    assert silhouette(np.full((CELLS, CELLS), -1, np.float32), roi, 50, 50) is None
    assert silhouette(np.ones((CELLS, CELLS), np.float32), roi + 50, 50, 50) is None
    assert silhouette(np.ones((CELLS, CELLS), np.float32), roi - 50, 50, 50) is None
    tiny = np.array([10.1, 10.1, 10.2, 10.2], np.float32)  # holds no pixel centre
    assert silhouette(np.ones((CELLS, CELLS), np.float32), tiny, 50, 50) is None


def test_specks_do_not_stretch_the_box() -> None:
    foreground = np.full((CELLS, CELLS), -2, np.float32)
    foreground[2:13, 2:12] = 2
    clean = silhouette(foreground, np.array([0, 0, 140, 140], np.float32), 140, 140)
    foreground[0, 0] = 2
    speckled = silhouette(foreground, np.array([0, 0, 140, 140], np.float32), 140, 140)
    assert clean is not None
    assert speckled is not None
    assert speckled.box == clean.box


def test_small_holes_are_filled_and_large_ones_stay() -> None:
    foreground = np.full((CELLS, CELLS), 2, np.float32)
    foreground[4, 4] = -2
    foreground[0, 9] = -2  # at the border of the map: nobody knows whether it is a hole
    foreground[8:11, 8:11] = -2
    shape = silhouette(foreground, np.array([0, 0, 140, 140], np.float32), 140, 140)
    assert shape is not None
    assert shape.mask[45, 45]
    assert shape.cells[4, 4]
    assert not shape.mask[5, 95]
    assert not shape.mask[95, 95]


def test_a_large_island_is_part_of_the_person() -> None:
    """A person whose middle is hidden stays one person."""
    foreground = np.full((CELLS, CELLS), -2, np.float32)
    foreground[:5] = foreground[10:] = 2
    shape = silhouette(foreground, np.array([0, 0, 140, 140], np.float32), 140, 140)
    assert shape is not None
    assert shape.box == (0, 0, 140, 140)
    assert not shape.mask[70].any()


def person(left: int, top: int, logit: NDArray[np.floating]) -> Silhouette:
    logit = logit.astype(np.float32)
    weights = np.ones((logit.shape[0], 1), np.float32), np.ones((logit.shape[1], 1), np.float32)
    return Silhouette(left, top, logit, logit > 0, np.ones((1, 1), bool), *weights)


def owners(people: list[Silhouette], size: int = 20, duplicate: float = 1.0) -> NDArray[np.int_]:
    """(people, size, size) masks on the picture."""
    picture = np.zeros((len(people), size, size), int)
    for index, shape in enumerate(disjoint(people, [0.5] * len(people), duplicate)):
        if shape is not None:
            x0, y0, x1, y1 = shape.box
            picture[index, y0:y1, x0:x1] = shape.mask
    return picture


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_each_pixel_goes_to_its_highest_probability(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    people, logits = [], np.full((count, 20, 20), -1.0)
    for index in range(count):
        (left, top), (width, height) = rng.integers(0, 10, 2), rng.integers(1, 10, 2)
        logit = rng.normal(size=(height, width)).astype(np.float32)
        people.append(person(int(left), int(top), logit))
        logits[index, top : top + height, left : left + width] = logit
    best = logits.argmax(0)
    expected = [(best == index) & (logits[index] > 0) for index in range(count)]
    np.testing.assert_array_equal(owners(people), expected)


def test_a_doubtful_detection_takes_less() -> None:
    """Two people claim the same columns, the second a little more strongly each column."""
    first, second = person(0, 0, np.ones((4, 8))), person(0, 0, np.tile(np.linspace(0.1, 4, 8), (4, 1)))

    def share(scores: tuple[float, float]) -> float:
        shape = disjoint([first, second], scores, 1.0)[1]
        return 0.0 if shape is None else float(shape.mask.sum()) / first.mask.size

    assert share((0.5, 0.5)) == 6 / 8
    assert 0 < share((0.9, 0.6)) < 6 / 8
    assert share((0.999, 0.05)) == 0
    assert share((1.0, 0.0)) == 0  # and no infinity


def test_equal_claims_go_to_the_better_person() -> None:
    first, second = owners([person(0, 0, np.ones((4, 4))), person(2, 0, np.ones((4, 4)))])
    assert first.sum() == 16
    assert second.sum() == 8


def test_windows_shrink_to_what_is_left() -> None:
    shapes = disjoint([person(0, 0, np.full((4, 4), 2.0)), person(2, 0, np.ones((4, 4)))], EQUAL, 1.0)
    assert shapes[1] is not None
    assert shapes[1].box == (4, 0, 6, 4)


def test_same_person_twice_is_one() -> None:
    better, worse = person(0, 0, np.ones((10, 10))), person(1, 0, np.full((10, 10), 3.0))
    first, second = disjoint([better, worse], EQUAL, 0.8)
    assert second is None
    assert first is not None
    assert first.mask.sum() == 100


def test_a_duplicate_takes_no_pixels_and_hides_nobody() -> None:
    """The second is a duplicate of the first; the third overlaps the second only."""
    people = [person(0, 0, np.ones((10, 10))), person(1, 0, np.full((10, 10), 9.0)), person(10, 0, np.ones((10, 6)))]
    first, second, third = disjoint(people, EQUAL, 0.8)
    assert second is None
    assert first is not None
    assert third is not None
    assert first.mask.sum() == 100
    assert third.mask.sum() == 60


def test_inputs_stay_as_they_were() -> None:
    people = [person(0, 0, np.ones((4, 4))), person(2, 0, np.ones((4, 4)))]
    disjoint(people, EQUAL, 1.0)
    assert all(shape.mask.all() for shape in people)


def test_small_islands_go_and_large_ones_stay() -> None:
    roi = (0.0, 0.0, 140.0, 140.0)
    shape = silhouette(half_plane(140, roi), np.array(roi, np.float32), 140, 140)
    assert shape is not None
    cut = shape.mask.copy()
    cut[:, 40:60] = False  # somebody in front: 40 and 80 columns are left
    cut[:, 110:], cut[50:53, 130:133] = False, True
    parted = replace(shape, mask=cut)
    assert parted.without_islands().box == (0, 0, 110, 140)
    whole = replace(shape, mask=cut & (np.arange(140) < 110))
    assert whole.without_islands() is whole
