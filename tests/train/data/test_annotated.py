import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import SurfacePoints, TruthPerson, TruthPicture
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.parts import COARSE_NAMES
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.annotated import AnnotatedPhotos, Photo, annotated_scene, split_points
from densepose_mobile.train.data.dataset import Batch, TrainingBatches
from densepose_mobile.train.data.dense_labels import DenseIndex, DenseLabels, file_hash, write_person
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.looks import BatchPlan, Place, Planner
from densepose_mobile.train.data.samples import MAX_PEOPLE, Augmentation, Scene, whole_sample
from densepose_mobile.train.data.targets import COARSE, UNKNOWN, UNKNOWN_PART, Labeller

from ..engine.streams import first_batches

SIZE = 120
SPEC = ModelSpec(detect_size=64, track_size=96)


def mask(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    picture = np.zeros((SIZE, SIZE), bool)
    picture[y0:y1, x0:x1] = True
    return picture


def test_labels_say_what_the_annotations_say() -> None:
    upper = np.zeros((256, 256), bool)
    upper[:128] = True
    points = SurfacePoints(
        np.array([[30.5, 40.5]], np.float32), np.array([2], np.uint8), np.full((2, 1), 0.25, np.float32)
    )
    people = (
        TruthPerson.from_mask(1, mask(50, 50, 70, 70)),  # in front of the next one
        TruthPerson.from_mask(2, mask(20, 20, 80, 100), points=points, coarse_masks=[encode_rle(upper), *[[]] * 13]),
        TruthPerson.from_mask(3, mask(90, 0, 120, 30), crowd=True),
    )
    scene = annotated_scene(TruthPicture(1, "a.jpg", SIZE, SIZE, people), np.zeros((SIZE, SIZE, 3), np.uint8))
    codes = scene.labels[..., 0]
    assert scene.boxes.tolist() == [
        [20, 20, 80, 100],
        [50, 50, 70, 70],
        [90, 0, 120, 30],
    ]  # the largest first, crowds last
    assert codes[30, 30] == COARSE + 1
    assert codes[90, 30] == codes[60, 60] == UNKNOWN_PART
    assert scene.labels[60, 60, 3] == 2
    assert (codes[10, 100], scene.labels[10, 100, 3]) == (UNKNOWN, 3)
    assert codes[110, 110] == 0
    np.testing.assert_allclose(scene.points, [[30.5, 40.5, 2, 0.25, 0.25, 1]])


def test_whoever_is_found_in_a_crowd_is_neither_right_nor_wrong() -> None:
    people = (
        TruthPerson.from_mask(1, mask(10, 10, 60, 110)),
        TruthPerson.from_mask(2, mask(70, 0, 120, 90), crowd=True),
    )
    scene = annotated_scene(TruthPicture(1, "a.jpg", SIZE, SIZE, people), np.zeros((SIZE, SIZE, 3), np.uint8))
    still = Augmentation(photometric_share=0, flip=0, window=0, occluder=0, rotate=0, zoom=0)
    sample = whole_sample(np.random.default_rng(0), scene, SPEC, still)
    assert sample.kinds[:3].tolist() == [1, 2, 0]
    np.testing.assert_allclose(sample.boxes[1], np.array([70, 0, 120, 90]) * 64 / SIZE, atol=1)
    assert scene.people().tolist() == [0]


def test_whoever_is_found_where_nobody_was_annotated_is_neither_right_nor_wrong() -> None:
    people = (TruthPerson.from_mask(1, mask(10, 10, 60, 110)),)
    ignored = ((70, 0, 120, 0, 120, 90, 70, 90), (0, 112, 120, 112, 120, 120, 0, 120), (50, 20, 70, 20, 70, 40, 50, 40))
    picture = TruthPicture(1, "a.jpg", SIZE, SIZE, people, ignored)
    scene = annotated_scene(picture, np.zeros((SIZE, SIZE, 3), np.uint8))
    codes = scene.labels[..., 0]
    assert (codes[10, 100], codes[116, 5], codes[30, 65]) == (UNKNOWN,) * 3
    assert (codes[30, 55], codes[100, 100]) == (UNKNOWN_PART, 0)  # annotated people lie on top
    still = Augmentation(photometric_share=0, flip=0, window=0, occluder=0, rotate=0, zoom=0)
    sample = whole_sample(np.random.default_rng(0), scene, SPEC, still)
    assert sample.kinds[:5].tolist() == [1, 2, 2, 2, 0]
    assert scene.people().tolist() == [0]
    assert [photo.people for photo in [Photo.of(0, picture)]] == [(0,)]


def test_regions_beyond_the_rows_share_the_last() -> None:
    ignored = tuple((x, 0, x + 8, 0, x + 8, 20, x, 20) for x in range(0, 100, 10))
    scene = annotated_scene(TruthPicture(1, "a.jpg", SIZE, SIZE, (), ignored), np.zeros((SIZE, SIZE, 3), np.uint8))
    assert len(scene.boxes) == MAX_PEOPLE // 4
    assert scene.boxes[-1].tolist() == [50, 0, 98, 20]
    assert (scene.labels[10, 4::10, 0][:10] == UNKNOWN).all()


def test_photos_give_the_same_crops_however_they_are_shared_out(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    shard(tmp_path / "a.tar", range(4))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels)
    photos = AnnotatedPhotos(path, path.parent / "images")
    make = TrainingBatches(None, SPEC, Augmentation(), lambda folder: plain_labels, 0, photos)
    planner = Planner(BatchPlan(whole=0, crops=3), 0.0, 0, None, photos.read())
    straddling = 0
    for order, _ in islice(planner.orders(Place()), 12):
        parts = [order.part(rank, 2) for rank in range(2)]
        straddling += len({look.number for part in parts for look in part.crops}) < sum(len(p.crops) for p in parts)
        crops = torch.cat([make[part]["crop_image"] for part in parts])
        assert torch.equal(crops, make[order]["crop_image"])
    assert straddling > 2


def test_of_too_many_people_the_small_ones_are_unknown() -> None:
    people = [TruthPerson.from_mask(i, mask(4 * i, 0, 4 * i + 3, 120 - i)) for i in range(30)]
    people.append(TruthPerson.from_mask(30, mask(0, 110, 30, 120), crowd=True))
    scene = annotated_scene(TruthPicture(1, "a.jpg", SIZE, SIZE, tuple(people)), np.zeros((SIZE, SIZE, 3), np.uint8))
    assert len(scene.boxes) == MAX_PEOPLE
    assert scene.labels[5, 1].tolist() == [UNKNOWN_PART, 0, 0, 1]
    assert scene.labels[5, 117].tolist() == [UNKNOWN, 0, 0, 0]


def test_visible_keypoints_tell_parts() -> None:
    joints = np.zeros((17, 3), np.float32)
    joints[[5, 7]] = (30, 30, 2), (30, 80, 2)
    person = TruthPerson.from_mask(1, mask(20, 20, 60, 100), keypoints=joints)
    scene = annotated_scene(TruthPicture(1, "a.jpg", SIZE, SIZE, (person,)), np.zeros((SIZE, SIZE, 3), np.uint8))
    assert scene.labels[55, 30, 0] == COARSE + COARSE_NAMES.index("left upper arm")
    assert scene.labels[95, 55, 0] == UNKNOWN_PART
    np.testing.assert_array_equal(scene.keypoints, joints[None])


def test_photos_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"a\.jpg is 50 x 120"):
        annotated_scene(TruthPicture(1, "a.jpg", SIZE, SIZE, ()), np.zeros((SIZE, 50, 3), np.uint8))


@pytest.fixture
def exported(tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller) -> AnnotatedPhotos:
    shard(tmp_path / "a.tar", range(4))
    return AnnotatedPhotos(
        export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels), tmp_path / "coco" / "images"
    )


def batches(
    photos: AnnotatedPhotos,
    labels: Labeller,
    plan: BatchPlan,
    count: int,
    folder: Path | None = None,
    teacher_size: int = 0,
) -> list[Batch]:
    return first_batches(folder, SPEC, plan, Augmentation(), labels, count, photos, teacher_size)


def scenes(photos: AnnotatedPhotos) -> list[Scene]:
    dense = photos.open_dense()
    return [
        annotated_scene(photo.truth, load_image(photos.images / photo.truth.file_name), dense)
        for photo in photos.read()
    ]


def test_dense_labels_fill_the_mask_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "annotations.json").write_text("{}")
    person = TruthPerson.from_mask(9, mask(20, 20, 60, 100), coarse_masks=[encode_rle(np.ones((256, 256))), *[[]] * 13])
    iuv = np.zeros((100, 80, 3), np.uint8)
    iuv[:40] = 2, 30, 40  # reaches beyond the mask, and leaves its lower half unknown
    write_person(tmp_path / "dense", 9, iuv)
    hashed = file_hash(tmp_path / "annotations.json")
    DenseIndex(hashed, {"model": "0"}, True, {9: (10, 10, 80, 100)}).write(tmp_path / "dense")
    dense = DenseLabels.open(tmp_path / "dense", tmp_path / "annotations.json")
    other = TruthPerson.from_mask(10, mask(70, 0, 110, 60))
    picture = TruthPicture(1, "a.jpg", SIZE, SIZE, (person, other))
    labels = annotated_scene(picture, np.zeros((SIZE, SIZE, 3), np.uint8), dense).labels
    assert labels[30, 30].tolist() == [2, 30, 40, 1]
    assert labels[70, 30].tolist() == [COARSE + 1, 0, 0, 1]
    assert labels[15, 15].tolist() == [0, 0, 0, 0]
    assert labels[30, 80].tolist() == [UNKNOWN_PART, 0, 0, 2]


@given(st.integers(0, 40), st.integers(2, 7))
def test_points_are_kept_back_evenly(count: int, every: int) -> None:
    numbers = np.arange(count)
    points = SurfacePoints(
        np.stack([numbers] * 2, 1).astype(np.float32), numbers.astype(np.uint8), np.zeros((2, count))
    )
    taught, kept_back = split_points(points, every)
    assert len(kept_back) == count // every
    assert sorted([*taught.part, *kept_back.part]) == numbers.tolist()
    assert (np.diff(kept_back.part.astype(int)) == every).all()
    assert kept_back.uv.shape == (2, len(kept_back))


def test_true_labels_are_taught_and_points_kept_back(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    shard(tmp_path / "a.tar", range(2))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels, dense=tmp_path / "dense")
    photos = AnnotatedPhotos(path, tmp_path / "coco" / "images", tmp_path / "dense", kept_back=4)
    scene, everything = scenes(photos)[0], scenes(replace(photos, kept_back=0))[0]
    assert 0.7 < len(scene.points) / len(everything.points) < 0.8
    person = scene.labels[..., 3] > 0
    assert (scene.labels[person, 0] <= 24).all()
    assert (scene.labels[person, 0] > 0).all()


def test_dense_labels_change_nothing_but_the_labels(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    shard(tmp_path / "a.tar", range(4))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels, dense=tmp_path / "dense")
    points = AnnotatedPhotos(path, tmp_path / "coco" / "images")
    plan = BatchPlan(whole=0, crops=3)
    sparse, dense = (
        batches(photos, plain_labels, plan, 3) for photos in (points, replace(points, dense=tmp_path / "dense"))
    )
    for poor, rich in zip(sparse, dense, strict=True):
        assert torch.equal(poor["crop_image"], rich["crop_image"])
        assert torch.equal(poor["crop_maps"][:, 0] > 0, rich["crop_maps"][:, 0] > 0)
    known = [torch.cat([batch["crop_maps"][:, 0] for batch in some]) <= 24 for some in (sparse, dense)]
    assert known[1].all()
    assert not known[0].all()


def test_exported_people_come_back(exported: AnnotatedPhotos) -> None:
    found = scenes(exported)
    assert all(len(scene.boxes) == 2 and len(scene.points) > 20 for scene in found)
    for scene in found:
        column, row = np.floor(scene.points[:, :2]).astype(int).T
        coarse = scene.labels[row, column, 0].astype(int) - COARSE
        assert ((coarse >= 1) & (coarse <= 14)).mean() > 0.9


def test_who_can_be_cropped_is_known_from_the_annotations(exported: AnnotatedPhotos) -> None:
    photos = exported.read()
    for photo, scene in zip(photos, scenes(exported), strict=True):
        assert set(scene.people().tolist()) <= set(photo.people)  # others may hide somebody
        sides = (scene.boxes[:, 2:] - scene.boxes[:, :2]).max(1)
        for row, size in zip(photo.people, photo.sizes, strict=True):
            assert size >= sides[row] - 1


def test_all_photos_are_looked_at_then_again(exported: AnnotatedPhotos) -> None:
    photos = exported.read()
    planner = Planner(BatchPlan(whole=4, crops=0), 0.0, 0, None, photos)
    for times, (order, place) in enumerate(islice(planner.orders(Place()), 3), 1):
        assert sorted(look.sources[0].number for look in order.wholes) == [0, 1, 2, 3]
        assert place.photos == 4 * times


def test_a_window_shows_one_of_the_people_it_is_for(exported: AnnotatedPhotos) -> None:
    scene = scenes(exported)[0]
    whole = scene.image.shape[0]
    for seed in range(20):
        window = scene.around_someone(np.random.default_rng(seed), [1])
        assert window.counts[1] > 0.8 * scene.counts[1]
        assert max(window.image.shape[:2]) <= whole
        column, row = np.floor(window.points[:, :2]).astype(int).T
        assert (window.labels[row, column, 3] == window.points[:, 5]).all()


def test_half_of_the_photos_are_cut_out_around_somebody(
    exported: AnnotatedPhotos, plain_labels: Labeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = []
    around = Scene.around_someone
    monkeypatch.setattr(Scene, "around_someone", lambda scene, *given: cut.append(1) or around(scene, *given))
    batches(exported, plain_labels, BatchPlan(whole=20, crops=0), 2)
    assert 0.2 < len(cut) / 40 < 0.8


def test_photos_alone_make_batches(exported: AnnotatedPhotos, plain_labels: Labeller) -> None:
    for batch in batches(exported, plain_labels, BatchPlan(whole=2, crops=6), 6):
        assert len(batch["whole_image"]) == 2
        there = batch["crop_presence"] > 0
        assert len(there) == 6
        assert (batch["crop_maps"][there, 0] > COARSE).flatten(1).any(1).all()


def test_photos_are_mixed_in_by_their_share(exported: AnnotatedPhotos, tmp_path: Path, plain_labels: Labeller) -> None:
    def known(share: float) -> float:
        plan = BatchPlan(whole=4, crops=6, photos=share)
        made = batches(exported, plain_labels, plan, 8, tmp_path)
        return float(np.mean([(batch["crop_maps"][:, 0] > COARSE).flatten(1).any(1).float().mean() for batch in made]))

    assert known(0.0) == 0
    assert 0.2 < known(0.5) < 0.8


def test_people_of_photos_are_guests_by_their_share(
    exported: AnnotatedPhotos, tmp_path: Path, plain_labels: Labeller
) -> None:
    def known(share: float) -> float:
        """Share of whole pictures with somebody of whom no coordinates are known."""
        plan = BatchPlan(whole=8, crops=0, photos=0.0, guests=share)
        made = batches(exported, plain_labels, plan, 4, tmp_path)
        return float(np.mean([(batch["whole_labels"][..., 0] > COARSE).flatten(1).any(1).float() for batch in made]))

    assert known(0.0) == 0
    assert 0.1 < known(0.4) < 0.7
    assert known(1.0) > 0.7


def test_what_is_for_evaluation_is_never_trained_on(exported: AnnotatedPhotos) -> None:
    (exported.annotations.parent / "README.md").write_text("Photos. Use: eval-only.")
    with pytest.raises(InputError, match="eval-only"):
        exported.read()


def test_broken_annotations_are_left_out_and_missing_pictures_too(exported: AnnotatedPhotos) -> None:
    content = json.loads(exported.annotations.read_text())
    content["annotations"][0]["bbox"] = [1]
    exported.annotations.write_text(json.dumps(content))
    (exported.images / content["images"][3]["file_name"]).unlink()
    assert sorted(len(scene.boxes) for scene in scenes(exported)) == [1, 2, 2]
    for file in exported.images.iterdir():
        file.unlink()
    with pytest.raises(InputError, match="none of the 4 pictures"):
        scenes(exported)


def test_grey_photos_become_rgb(exported: AnnotatedPhotos) -> None:
    for file in exported.images.iterdir():
        cv2.imwrite(str(file), cv2.imread(str(file), cv2.IMREAD_GRAYSCALE))
    assert scenes(exported)[0].image.shape[2] == 3


def test_a_teacher_gets_its_crops(exported: AnnotatedPhotos, tmp_path: Path, plain_labels: Labeller) -> None:
    plan = BatchPlan(whole=0, crops=6, photos=0.5)
    made = batches(exported, plain_labels, plan, 3, tmp_path, teacher_size=128)
    assert all(batch["crop_large"].shape == (6, 128, 128, 3) for batch in made)
    photo = np.concatenate([batch["crop_photo"] for batch in made])
    assert 0 < photo.mean() < 1
