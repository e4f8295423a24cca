import numpy as np
import pytest

from densepose_mobile.parts import mirror_iuv
from densepose_mobile.train.data.augment import (
    Photometric,
    cut_window,
    mirror,
    mirror_points,
    paste_occluder,
    warp_image,
)
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN, UNKNOWN_PART, box_matrix


@pytest.fixture
def labels() -> np.ndarray:
    rng = np.random.default_rng(0)
    part = rng.integers(0, 25, (20, 30))
    values = np.stack([part, *rng.integers(0, 256, (2, 20, 30)), rng.integers(1, 4, (20, 30))], -1)
    values[part == 0] = 0
    return values.astype(np.uint8)


def test_mirror_is_the_mirror_of_the_part_table(labels: np.ndarray) -> None:
    mirrored = mirror(labels)
    part, uv = mirror_iuv(labels[:, ::-1, 0], labels[:, ::-1, 1:3].transpose(2, 0, 1) / np.float32(255))
    assert (mirrored[..., 0] == part).all()
    seen = part > 0
    assert (mirrored[seen][:, 1:3] == np.rint(uv * 255).transpose(1, 2, 0)[seen]).all()
    assert (mirrored[..., 3] == labels[:, ::-1, 3]).all()
    assert (mirrored[~seen] == 0).all()


def test_mirroring_twice_changes_nothing(labels: np.ndarray) -> None:
    assert (mirror(mirror(labels)) == labels).all()
    assert (mirror(labels) != labels).any()


def test_codes_of_little_known_pixels_keep_their_meaning_in_the_mirror() -> None:
    labels = np.zeros((1, 5, 4), np.uint8)
    labels[0, :, 0] = (COARSE + 2, COARSE + 14, PART_ONLY + 3, UNKNOWN, UNKNOWN_PART)  # right hand, head, right hand
    labels[0, :, 3] = (1, 1, 1, 0, 2)
    assert mirror(labels)[0, ::-1, 0].tolist() == [COARSE + 3, COARSE + 14, PART_ONLY + 4, UNKNOWN, UNKNOWN_PART]
    assert (mirror(mirror(labels)) == labels).all()


def test_points_are_mirrored_as_the_labels_under_them(labels: np.ndarray) -> None:
    row, column = np.nonzero(labels[..., 0])
    under = labels[row, column].astype(np.float32)
    points = np.column_stack([column + 0.5, row + 0.5, under[:, 0], under[:, 1:3] / 255, under[:, 3]]).astype(
        np.float32
    )
    moved = mirror_points(points, labels.shape[1])
    there = mirror(labels)[np.floor(moved[:, 1]).astype(int), np.floor(moved[:, 0]).astype(int)]
    np.testing.assert_allclose(moved[:, 2:] * (1, 255, 255, 1), there, atol=0.51)


def test_warp_samples_pixel_centres() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[..., 0] = np.arange(60) * 4
    image[..., 1] = np.arange(40)[:, None] * 6
    same = warp_image(image, box_matrix(np.array([10, 5, 30, 25]), 20), 20)
    assert (same == image[5:25, 10:30]).all()
    double = warp_image(image, box_matrix(np.array([10, 5, 30, 25]), 40), 40)
    assert abs(float(double[20, 20, 0]) - 4 * (10 + 20.5 / 2 - 0.5)) <= 1
    half = warp_image(image, box_matrix(np.array([0, 0, 40, 40]), 20), 20)
    assert abs(float(half[3, 7, 0]) - 4 * (7.5 * 2 - 0.5)) <= 1
    beyond = warp_image(image, box_matrix(np.array([-20, -20, 20, 20]), 20), 20)
    assert (beyond[:9, :9] == 128).all()


def test_occluder_hides_picture_and_labels_together(labels: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    hidden = 0
    for _ in range(20):
        image, truth = np.full((20, 30, 3), 7, np.uint8), labels.copy()
        paste_occluder(rng, image, truth, np.array([5.0, 2, 25, 18]), np.full((50, 50, 3), 200, np.uint8))
        changed = (image != 7).any(-1)
        hidden += changed.sum()
        assert (truth[changed] == 0).all()
        assert (truth[~changed] == labels[~changed]).all()
    assert hidden > 200


def test_photometric_changes_its_share_and_nothing_at_zero() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert Photometric(0.0)(rng, image) is image
    changed = [Photometric(1.0, 0.5)(rng, image) is not image for _ in range(200)]
    assert 70 < sum(changed) < 130
    out = [Photometric(1.0, 1.0, 0.0)(rng, image) for _ in range(40)]
    assert all(o.shape == image.shape and o.dtype == np.uint8 for o in out)
    grey = Photometric(0.01, 1.0, 1.0)(rng, np.full((8, 8, 3), (200, 50, 50), np.uint8))
    assert np.ptp(grey[4, 4].astype(int)) < 12


def test_window_stays_inside_and_keeps_most() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        x0, y0, x1, y1 = cut_window(rng, 100, 200, 0.35)
        assert 0 <= x0 < 71
        assert 129 < x1 <= 200
        assert 0 <= y0 < y1 <= 100
