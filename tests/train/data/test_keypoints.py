from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.keypoints import cut_keypoints, hide_keypoints, mirror_keypoints, moved, placed
from densepose_mobile.train.data.records import Picture
from densepose_mobile.train.data.samples import Augmentation, Scene, crop_sample, whole_sample
from densepose_mobile.train.data.targets import Labeller, label_picture

SPEC = ModelSpec(detect_size=128, track_size=96)
ROUGH = Augmentation(photometric=0.0, window=1.0, rotate=1.0)
PLACES = arrays(np.float32, (2, 17, 3), elements=st.floats(0, 100, width=16))


@given(PLACES)
def test_mirroring_twice_changes_nothing(keypoints: np.ndarray) -> None:
    np.testing.assert_allclose(mirror_keypoints(mirror_keypoints(keypoints, 128), 128), keypoints, atol=1e-4)


def test_mirror_swaps_left_and_right_and_keeps_the_nose() -> None:
    keypoints = np.zeros((17, 3), np.float32)
    left, right = KEYPOINT_NAMES.index("left_wrist"), KEYPOINT_NAMES.index("right_wrist")
    keypoints[left], keypoints[right], keypoints[0] = (10, 5, 2), (70, 6, 1), (40, 1, 2)
    mirrored = mirror_keypoints(keypoints, 100)
    assert mirrored[right].tolist() == [90, 5, 2]
    assert mirrored[left].tolist() == [30, 6, 1]
    assert mirrored[0].tolist() == [60, 1, 2]


@given(PLACES, st.floats(-3, 3), st.floats(0.2, 3), st.floats(-50, 50))
def test_placed_points_are_found_again(points: np.ndarray, turn: float, scale: float, shift: float) -> None:
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]]) * scale
    matrix[:, 2] = shift, -shift
    there = placed(points, matrix)
    np.testing.assert_allclose(there[..., :2] @ matrix[:, :2].T + matrix[:, 2], points[..., :2], atol=1e-3)
    assert (there[..., 2] == points[..., 2]).all()


def test_keypoints_beyond_the_frame_are_unknown() -> None:
    keypoints = np.array([[5, 5, 2], [-0.1, 5, 2], [5, 10, 1], [9.9, 0, 1], [3, 3, 0]], np.float32)
    cut = cut_keypoints(keypoints, 10, 10)
    assert cut[:, 2].tolist() == [2, 0, 0, 1, 0]
    assert (cut[cut[:, 2] == 0] == 0).all()
    assert moved(keypoints, 2, 3)[0].tolist() == [3, 2, 2]


def test_what_is_covered_is_hidden_and_not_unknown() -> None:
    keypoints = np.array([[[5.5, 2.5, 2], [7.5, 2.5, 2], [5.5, 2.5, 0], [5.5, 2.5, 1]]], np.float32)
    covered = np.zeros((8, 8), bool)
    covered[2, 5] = True
    assert hide_keypoints(keypoints, covered)[0, :, 2].tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("seed", range(8))
def test_keypoints_move_with_the_picture(picture: Callable[..., Picture], plain_labels: Labeller, seed: int) -> None:
    """A joint that stands on a coloured pixel stands on that colour wherever the picture is moved to."""
    rendered = picture(5)
    rng = np.random.default_rng(seed)
    people = []
    for person in rendered.people:
        row, column = np.nonzero(rendered.instance == person.index)
        chosen = rng.choice(len(row), 17)
        joints = np.column_stack([column[chosen] + 0.5, row[chosen] + 0.5, np.full(17, 2)]).astype(np.float32)
        joints[0, 2] = 0
        people.append(replace(person, keypoints=joints))
    rendered = replace(rendered, people=tuple(people))
    labels = label_picture(rendered, plain_labels)
    scene = Scene.from_picture(rendered, labels)
    colours = np.full((2, 17), -1)
    for row_of, person in enumerate(people):
        x, y = np.floor(person.keypoints[:, :2]).astype(int).T
        colours[row_of] = rendered.image[y, x].argmax(-1)
    steady = replace(ROUGH, flip=0.0)  # the colours know no mirror
    changed = scene.disturbed(rng, steady, lambda: np.zeros((64, 64, 3), np.uint8))
    whole = whole_sample(rng, changed, SPEC, steady)
    assert whole.keypoints.shape == (24, 17, 3)
    assert (whole.keypoints[:, 0] == 0).all()
    checked = _agreement(whole.image, whole.keypoints[:2], colours)
    person = int(changed.people()[0])
    crop = crop_sample(rng, changed, person, SPEC, steady)
    assert crop is not None
    x0, y0, x1, _ = SPEC.track_roi
    cell = (x1 - x0) / SPEC.map_size
    joints = crop.keypoints.copy()
    joints[:, :2] = joints[:, :2] * cell + (x0, y0)
    checked += _agreement(crop.image, joints[None], colours[person : person + 1])
    assert len(checked) > 10
    assert np.mean(checked) > 0.85  # at the border of a colour the neighbour may win


def _agreement(image: np.ndarray, keypoints: np.ndarray, colours: np.ndarray) -> list[bool]:
    seen = keypoints[..., 2] == 2
    x, y = np.floor(keypoints[seen][:, :2]).astype(int).T
    return (image[y, x].argmax(-1) == colours[seen]).tolist()


def test_crop_of_nobody_has_no_keypoints(picture: Callable[..., Picture], plain_labels: Labeller) -> None:
    rendered = picture(5)
    scene = Scene.from_picture(rendered, label_picture(rendered, plain_labels))
    for seed in range(10):
        crop = crop_sample(np.random.default_rng(seed), scene, None, SPEC, ROUGH)
        if crop is not None:
            assert (crop.keypoints == 0).all()
            return
    pytest.fail("no crop of nobody was found")
