import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.train.data.augment import mirror_points
from densepose_mobile.train.data.guests import with_guests
from densepose_mobile.train.data.samples import MAX_PEOPLE, Scene
from densepose_mobile.train.data.targets import UNKNOWN_PART

SEEDS = st.integers(0, 2**32 - 1)
RED, BLUE, GREY = (250, 10, 10), (10, 10, 250), (128, 128, 128)
RIGHT_KNEE, LEFT_KNEE = 14, 13


def scene_of(height: int, width: int, boxes: list[tuple[int, int, int, int]], colour: tuple[int, int, int]) -> Scene:
    """People that fill their boxes, with a colour of theirs, a point in the middle and one knee near the left edge."""
    image = np.full((height, width, 3), GREY, np.uint8)
    labels = np.zeros((height, width, 4), np.uint8)
    keypoints = np.zeros((len(boxes), 17, 3), np.float32)
    points = []
    for row, (x0, y0, x1, y1) in enumerate(boxes):
        image[y0:y1, x0:x1] = colour
        labels[y0:y1, x0:x1] = (UNKNOWN_PART, 0, 0, row + 1)
        keypoints[row, RIGHT_KNEE] = (x0 + 4.5, y0 + 9.5, 2)
        points.append(((x0 + x1) / 2, (y0 + y1) / 2, 2, 0.25, 0.75, row + 1))
    return Scene.of(image, labels, np.full(len(boxes), 20.0), np.array(points, np.float32).reshape(-1, 6), keypoints)


HOST = scene_of(120, 160, [(10, 20, 60, 110), (100, 30, 150, 110)], BLUE)


@given(SEEDS)
def test_guests_come_with_their_labels(seed: int) -> None:
    photo = scene_of(200, 150, [(30, 40, 100, 160)], RED)
    joined = with_guests(np.random.default_rng(seed), HOST, photo)
    assert len(joined.boxes) == 3
    instance = joined.labels[..., 3]
    assert (joined.labels[instance == 3, 0] == UNKNOWN_PART).all()
    assert (joined.image[..., 0].astype(int) - joined.image[..., 2] > 0)[instance == 3].mean() > 0.9
    elsewhere = instance != 3
    np.testing.assert_array_equal(joined.labels[elsewhere], HOST.labels[elsewhere])
    assert joined.counts.tolist() == [int((instance == number).sum()) for number in (1, 2, 3)]
    assert joined.least[2] / 20 > 0.8 * joined.counts[2] / photo.counts[0]  # some of the guest may be outside
    knee = joined.keypoints[2]
    for x, y, _ in knee[knee[:, 2] > 0]:
        assert instance[int(y), int(x)] == 3
    known = [photo.points[0, 2:5], mirror_points(photo.points, 0)[0, 2:5]]
    for x, y, *iuv, number in joined.points.tolist():
        assert instance[int(y), int(x)] == number
        assert number != 3 or any(iuv == pytest.approx(each) for each in known)


@given(SEEDS)
def test_a_mirrored_guest_has_the_other_knee(seed: int) -> None:
    joined = with_guests(np.random.default_rng(seed), HOST, scene_of(200, 150, [(30, 40, 100, 160)], RED))
    x0, _, x1, _ = joined.boxes[2]
    right, left = joined.keypoints[2, [RIGHT_KNEE, LEFT_KNEE]]
    assert right[2] == 0 or left[2] == 0
    if x0 > 0 and x1 < 160:
        assert right[2] == 0 or right[0] < (x0 + x1) / 2
        assert left[2] == 0 or left[0] > (x0 + x1) / 2


@given(SEEDS)
def test_who_is_covered_is_hidden(seed: int) -> None:
    joined = with_guests(np.random.default_rng(seed), HOST, scene_of(200, 150, [(30, 40, 100, 160)], RED))
    for row in range(2):
        x, y, visibility = joined.keypoints[row, RIGHT_KNEE]
        assert visibility == (1 if joined.labels[int(y), int(x), 3] == 3 else 2)


@given(SEEDS)
def test_who_is_cut_off_stands_at_that_edge(seed: int) -> None:
    photo = scene_of(200, 150, [(0, 60, 70, 200)], RED)  # by the left and the lower edge
    joined = with_guests(np.random.default_rng(seed), HOST, photo)
    x0, _, x1, y1 = joined.boxes[2]
    assert y1 == 120
    assert x0 == 0 or x1 == 160


def test_nobody_ends_in_mid_air() -> None:
    photo = scene_of(60, 150, [(40, 0, 90, 60)], RED)  # cut off above and below
    for seed in range(20):
        joined = with_guests(np.random.default_rng(seed), HOST, photo)
        assert all(box[1] == 0 and box[3] == 120 for box in joined.boxes[2:])


def test_a_full_scene_takes_nobody() -> None:
    full = scene_of(120, 40 * MAX_PEOPLE, [(40 * i, 10, 40 * i + 30, 110) for i in range(MAX_PEOPLE)], BLUE)
    assert with_guests(np.random.default_rng(0), full, HOST) is full


def test_who_is_too_small_is_not_invited() -> None:
    assert with_guests(np.random.default_rng(0), HOST, scene_of(100, 100, [(10, 10, 30, 45)], RED)) is HOST
