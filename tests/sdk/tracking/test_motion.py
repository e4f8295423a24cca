"""The filter of boxes: steady at rest, in time at speed, and a predictor."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.tracking.motion import BoxMotion

SIDES = st.floats(5, 800)
PLACES = st.floats(-500, 2000)
BOXES = st.tuples(PLACES, PLACES, SIDES, SIDES).map(lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]]))
STEP = 1000 / 30
TUNING = (1.0, 4.0)


def follow(boxes: list[np.ndarray], step: float = STEP) -> BoxMotion:
    motion = BoxMotion.start(boxes[0], 0)
    for index, box in enumerate(boxes[1:], 1):
        motion = motion.moved(box, index * step, *TUNING)
    return motion


@given(BOXES, st.floats(0, 5000))
def test_at_rest_a_box_stays(box: np.ndarray, later: float) -> None:
    np.testing.assert_allclose(follow([box] * 5).at(5 * STEP + later), box, rtol=1e-5, atol=1e-3)


@given(BOXES.filter(lambda box: (box[2:] - box[:2]).min() > 20), st.floats(0.2, 10), PLACES, PLACES)
def test_scale_and_place_do_not_matter(box: np.ndarray, scale: float, x: float, y: float) -> None:
    """The same motion in another picture size gives the same filtered box there."""
    rng = np.random.default_rng(3)
    side = (box[2:] - box[:2]).max()
    boxes = [box + np.tile(rng.normal(0, 0.05 * side, 2), 2) for _ in range(6)]
    shift = np.array([x, y, x, y])
    expected = follow(boxes).at(7 * STEP) * scale + shift
    moved = follow([b * scale + shift for b in boxes]).at(7 * STEP)
    np.testing.assert_allclose(moved, expected, atol=1e-4 * side * scale + 1e-2)


@given(st.lists(BOXES, min_size=1, max_size=5), PLACES, PLACES, st.floats(0, 1000))
def test_a_box_that_the_camera_shifts_goes_on_from_there(
    boxes: list[np.ndarray], x: float, y: float, later: float
) -> None:
    t_ms = len(boxes) * STEP + later
    there = follow([box + np.array([x, y, x, y]) for box in boxes]).at(t_ms)
    np.testing.assert_allclose(follow(boxes).shifted((x, y)).at(t_ms), there, rtol=1e-4, atol=0.1)


def test_noise_at_rest_is_smoothed() -> None:
    rng = np.random.default_rng(0)
    boxes = [np.array([100, 50, 200, 350]) + rng.normal(0, 3, 4) for _ in range(60)]
    motion, raw, smooth = BoxMotion.start(boxes[0], 0), [], []
    for index, box in enumerate(boxes[1:], 1):
        motion = motion.moved(box, index * STEP, *TUNING)
        raw.append(box)
        smooth.append(motion.at(index * STEP))
    steps = [np.abs(np.diff(np.array(track), axis=0)).mean() for track in (raw, smooth)]
    assert steps[1] < 0.35 * steps[0]


def test_a_steady_walk_is_predicted_ahead() -> None:
    """The crop of the next frame is on the person, who crosses the own height in a second."""
    boxes = [np.array([10 * k, 50, 10 * k + 100, 350]) for k in range(30)]
    ahead = follow(boxes).at(30 * STEP)
    np.testing.assert_allclose(ahead[[0, 2]], [300, 400], atol=0.05 * 300)


def test_no_speed_lasts_for_ever() -> None:
    boxes = [np.array([10 * k, 50, 10 * k + 100, 350]) for k in range(30)]
    motion = follow(boxes)
    np.testing.assert_array_equal(motion.at(motion.t_ms + 1000), motion.at(motion.t_ms + 60_000))
    np.testing.assert_array_equal(motion.at_rest().at(motion.t_ms + 500), motion.at(motion.t_ms))


def test_a_jump_is_no_speed() -> None:
    motion = BoxMotion.start([0, 0, 100, 300], 0).moved([900, 0, 1000, 300], 1, *TUNING)
    assert abs(motion.speed).max() <= 3
