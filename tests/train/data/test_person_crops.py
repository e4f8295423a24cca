import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.errors import InputError
from densepose_mobile.parts import FINE_TO_COARSE
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.person_crops import CropPlan, CropStream, PersonCrops, cut_person, person_square
from densepose_mobile.train.data.samples import Augmentation, Scene
from densepose_mobile.train.data.targets import COARSE, UNKNOWN, UNKNOWN_PART, Labeller, box_matrix

STILL = Augmentation(photometric_share=0, flip=0, window=0, occluder=0, rotate=0, shift=0, scale=0)
PLAN = CropPlan(size=64, batch=4, maskless=0.0)


@pytest.fixture
def photos(tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller) -> AnnotatedPhotos:
    shard(tmp_path / "a.tar", range(4))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels, dense=tmp_path / "dense")
    return AnnotatedPhotos(path, tmp_path / "coco" / "images", tmp_path / "dense")


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0, 300), st.floats(0, 300))
def test_the_square_holds_the_box_with_a_margin(x: float, y: float, width: float, height: float) -> None:
    x0, y0, x1, y1 = person_square(np.array([x, y, x + width, y + height]), 1.2)
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert x1 - x0 == pytest.approx(max(1.2 * max(width, height), 2))
    assert (x0 + x1) / 2 == pytest.approx(x + width / 2)


def test_masks_and_points_are_cut_out_with_the_person() -> None:
    labels = np.zeros((80, 80, 4), np.uint8)
    labels[20:60, 30:50] = COARSE + 1, 0, 0, 1
    labels[20:60, 10:30] = UNKNOWN_PART, 0, 0, 2
    labels[:20] = UNKNOWN, 0, 0, 0
    points = np.array([[40.5, 30.5, 1, 0.5, 0.5, 1], [20.5, 30.5, 1, 0.5, 0.5, 2]], np.float32)
    image = np.zeros((80, 80, 3), np.uint8)
    image[30, 40] = 255
    scene = Scene.of(image, labels, np.full(2, 60.0), points)
    crop = cut_person(scene, 0, box_matrix(np.array([20.0, 20, 60, 60]), 64), 64)
    assert crop.codes.shape == (32, 32)
    assert np.unique(crop.codes[:, :8]).tolist() == np.unique(crop.codes[:, 24:]).tolist() == [0]  # nobody, and others
    assert np.unique(crop.codes[:, 8:24]).tolist() == [COARSE + 1]
    np.testing.assert_allclose(crop.points, [[32.8, 16.8, 1, 0.5, 0.5, 1]], rtol=1e-5)
    assert np.unravel_index(crop.image[..., 0].argmax(), (64, 64)) == (16, 32)
    assert (cut_person(scene, 0, box_matrix(np.array([20.0, 0, 60, 40]), 64), 64).codes[:16] == 0).all()


def test_points_lie_on_their_coarse_parts(photos: AnnotatedPhotos) -> None:
    batch = PersonCrops(photos, PLAN, replace(STILL, flip=0.5, rotate=1.0, scale=0.1), 0)[3]
    assert batch["crop_image"].shape == (4, 64, 64, 3)
    assert batch["crop_codes"].dtype == torch.uint8
    agree = []
    for codes, points in zip(batch["crop_codes"], batch["crop_points"], strict=True):
        own = points[points[:, 2] > 0]
        assert len(own) > 5
        column, row = (own[:, :2] / 2).long().T
        agree.append(codes[row, column] == COARSE + torch.from_numpy(FINE_TO_COARSE)[own[:, 2].long()])
    assert torch.cat(agree).float().mean() > 0.85  # points near borders may lie in a neighbour's cell


def test_dense_labels_are_not_looked_at(photos: AnnotatedPhotos) -> None:
    with_dense, without = (PersonCrops(some, PLAN, STILL, 0)[0] for some in (photos, replace(photos, dense=None)))
    assert torch.equal(with_dense["crop_codes"], without["crop_codes"])


def test_some_crops_have_no_part_masks(photos: AnnotatedPhotos) -> None:
    crops = PersonCrops(photos, replace(PLAN, maskless=0.5), STILL, 0)
    codes = torch.cat([crops[number]["crop_codes"] for number in range(8)])
    bare = ((codes == 0) | (codes == UNKNOWN_PART)).flatten(1).all(1)
    assert 0.2 < bare.float().mean() < 0.8


def test_everybody_is_seen_once_each_time_through(photos: AnnotatedPhotos) -> None:
    crops = PersonCrops(photos, PLAN, STILL, 0)
    first, second, third = (
        sorted(float(image.float().mean()) for number in numbers for image in crops[number]["crop_image"])
        for numbers in ((0, 1), (2, 3), (4, 5))  # eight people in batches of four
    )
    assert first == second == third
    assert len(set(first)) == 8


def test_seed_and_number_decide_the_batch(photos: AnnotatedPhotos) -> None:
    one, other = (PersonCrops(photos, PLAN, Augmentation(), seed) for seed in (1, 2))
    later = one[5]
    again = PersonCrops(photos, PLAN, Augmentation(), 1)[5]
    assert all(torch.equal(value, again[name]) for name, value in later.items() if isinstance(value, torch.Tensor))
    assert not torch.equal(later["crop_image"], other[5]["crop_image"])
    assert (later["number"], later["pictures"]) == (5, 24)


def test_photos_without_points_are_named(photos: AnnotatedPhotos) -> None:
    content = json.loads(photos.annotations.read_text())
    for entry in content["annotations"]:
        del entry["dp_x"]
    photos.annotations.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"annotations\.json has surface points"):
        PersonCrops(photos, PLAN, STILL, 0)[0]


def test_processes_share_a_batch(photos: AnnotatedPhotos) -> None:
    whole = PersonCrops(photos, replace(PLAN, batch=5), Augmentation(), 0)[2]["crop_image"]
    parts = [PersonCrops(photos, replace(PLAN, batch=5), Augmentation(), 0, rank, 2)[2] for rank in (0, 1)]
    assert torch.equal(torch.cat([part["crop_image"] for part in parts]), whole)
    assert [len(part["crop_image"]) for part in parts] == [2, 3]
    with pytest.raises(InputError, match=r"inpainting\.crops\.batch.*4.*5 processes"):
        CropStream(PersonCrops(photos, PLAN, Augmentation(), 0, 0, 5)).loader(0)
