from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.records import Picture
from densepose_mobile.train.data.samples import Augmentation, Scene, crop_sample, whole_sample
from densepose_mobile.train.data.targets import UNKNOWN_PART, Labeller, label_picture

SPEC = ModelSpec(detect_size=128, track_size=96)
PLAIN = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
ROUGH = Augmentation(photometric=0.0)
COLOURS = {1: 0, 9: 1, 17: 2}  # the part that each colour of the test people stands for, by channel


@pytest.fixture
def scene(picture: Callable[..., Picture], plain_labels: Labeller) -> Scene:
    rendered = picture(5)
    return Scene.from_picture(rendered, label_picture(rendered, plain_labels))


def colour_agreement(image: np.ndarray, part: np.ndarray) -> float:
    """Share of labelled pixels whose colour is that of their part: picture and truth were moved alike."""
    seen = part > 0
    channel = np.vectorize(COLOURS.__getitem__)(part[seen])
    return float((image[seen].argmax(1) == channel).mean())


def test_unaugmented_whole_picture_is_the_picture(scene: Scene) -> None:
    rng = np.random.default_rng(0)
    sample = whole_sample(rng, scene, SPEC, PLAIN)
    assert (sample.labels == scene.labels).all()
    assert (sample.image == scene.image).all()
    np.testing.assert_array_equal(sample.boxes[:2], scene.boxes)
    assert sample.kinds[:3].tolist() == [1, 1, 0]


@pytest.mark.parametrize("seed", range(8))
def test_picture_and_labels_move_together(scene: Scene, seed: int) -> None:
    rng = np.random.default_rng(seed)
    steady = replace(ROUGH, flip=0.0)  # the colours know no mirror
    moved = scene.disturbed(rng, steady, lambda: np.zeros((64, 64, 3), np.uint8))
    sample = whole_sample(rng, moved, SPEC, steady)
    assert colour_agreement(sample.image, sample.labels[..., 0]) > 0.9
    for i in np.flatnonzero(sample.kinds == 1):
        rows, columns = np.nonzero(sample.labels[..., 3] == i + 1)
        np.testing.assert_array_equal(sample.boxes[i], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    crop = crop_sample(rng, moved, int(moved.people()[0]), SPEC, steady)
    assert crop is not None
    x0, _, x1, _ = SPEC.track_roi
    cells = (x0 + (np.arange(SPEC.map_size) + 0.5) * (x1 - x0) / SPEC.map_size).astype(int)
    assert colour_agreement(crop.image[np.ix_(cells, cells)], crop.maps[0]) > 0.85


def test_unshaken_crop_centres_the_person(scene: Scene) -> None:
    sample = crop_sample(np.random.default_rng(0), scene, 1, SPEC, PLAIN)
    assert sample is not None
    size = scene.boxes[1, 2:] - scene.boxes[1, :2]
    half = size / size.max() / SPEC.track_margin / 2
    np.testing.assert_allclose(sample.box, [*(0.5 - half), *(0.5 + half)], atol=0.02)
    assert sample.presence == 1.0
    assert (sample.maps[0] > 0).mean() > 0.1


def test_turned_crop_has_the_box_of_the_turned_person(scene: Scene) -> None:
    rng = np.random.default_rng(4)
    sample = crop_sample(rng, scene, 1, SPEC, replace(PLAIN, rotate=1.0, rotation=20.0))
    assert sample is not None
    x0, _, x1, _ = SPEC.track_roi
    rows, columns = np.nonzero(sample.maps[0])
    low = (x0 + (x1 - x0) * np.array([columns.min(), rows.min()]) / SPEC.map_size) / SPEC.track_size
    high = (x0 + (x1 - x0) * np.array([columns.max() + 1, rows.max() + 1]) / SPEC.map_size) / SPEC.track_size
    np.testing.assert_allclose(sample.box, [*low, *high], atol=0.06)


def test_crop_of_nobody_shows_nobody(scene: Scene) -> None:
    rng = np.random.default_rng(2)
    made = [crop_sample(rng, scene, None, SPEC, PLAIN) for _ in range(20)]
    crops = [sample for sample in made if sample is not None]
    assert crops
    for sample in crops:
        assert sample.presence == 0.0
        assert (sample.maps == 0).all()
        assert (sample.image.max(-1) > 200).mean() < 0.12


@pytest.mark.parametrize("seed", range(6))
def test_points_move_with_the_picture(scene: Scene, seed: int) -> None:
    """Annotated points land on the labels that a fully labelled picture has there."""
    rng = np.random.default_rng(seed)
    row, column = np.nonzero(scene.labels[..., 3])
    chosen = rng.choice(len(row), 80, replace=False)
    row, column = row[chosen], column[chosen]
    under = scene.labels[row, column].astype(np.float32)
    points = np.column_stack([column + 0.5, row + 0.5, under[:, 0], under[:, 1:3] / 255, under[:, 3]])
    sparse = Scene.of(scene.image, scene.labels.copy(), scene.least, points.astype(np.float32))
    sparse.labels[..., 0][sparse.labels[..., 3] > 0] = UNKNOWN_PART
    texture = np.zeros((64, 64, 3), np.uint8)
    both = []
    for one in (scene, sparse):
        rng = np.random.default_rng(seed)
        moved = one.disturbed(rng, ROUGH, lambda: texture)
        person = int(moved.people()[0])
        both.append((whole_sample(rng, moved, SPEC, ROUGH), crop_sample(rng, moved, person, SPEC, ROUGH)))
    (full, full_crop), (whole, crop) = both
    assert full_crop is not None
    assert crop is not None
    known = (crop.maps[0] > 0) & (crop.maps[0] < UNKNOWN_PART)
    assert known.sum() >= 10
    assert (crop.maps[0][known] == full_crop.maps[0][known]).mean() > 0.85  # a cell at a border may hold either
    assert ((crop.maps[0] > 0) == (full_crop.maps[0] > 0)).mean() > 0.99
    inside = ((whole.points[:, :2] >= 0) & (whole.points[:, :2] < SPEC.detect_size)).all(1)
    x, y = np.floor(whole.points[inside, :2]).astype(int).T
    assert inside.sum() >= 10
    assert (full.labels[y, x, 3] == whole.points[inside, 5]).mean() > 0.9
    assert (full.labels[y, x, 0] == whole.points[inside, 2]).mean() > 0.85


@pytest.mark.parametrize("seed", range(4))
def test_a_teacher_sees_the_same_square_larger(seed: int) -> None:
    """On a picture of gradients the mean of each 2 x 2 pixels of the larger crop is the pixel of the smaller one."""
    y, x = np.mgrid[:160, :160].astype(np.float32) + 0.5
    image = np.stack([x, y, (x + y) / 2], -1) * 1.5
    labels = np.zeros((160, 160, 4), np.uint8)
    labels[40:120, 50:100] = (UNKNOWN_PART, 0, 0, 1)
    scene = Scene.of(image.astype(np.uint8), labels, np.array([60.0]))
    sample = crop_sample(np.random.default_rng(seed), scene, 0, SPEC, ROUGH, 2 * SPEC.track_size)
    assert sample is not None
    assert sample.large is not None
    halved = sample.large.reshape(SPEC.track_size, 2, SPEC.track_size, 2, 3).mean((1, 3))
    inside = np.abs(halved - 128).min(-1) > 8  # grey borders, and what is next to them
    assert inside.mean() > 0.3
    assert np.abs(halved - sample.image)[inside].mean() < 1
