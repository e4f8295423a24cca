import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.dataset import Batch, TrainingBatches
from densepose_mobile.train.data.looks import BatchPlan, Order, Place, Planner
from densepose_mobile.train.data.rounds import Rounds
from densepose_mobile.train.data.samples import MAX_PEOPLE, Augmentation
from densepose_mobile.train.data.targets import Labeller

SPEC = ModelSpec(detect_size=64, track_size=96)
PLAN = BatchPlan(whole=2, crops=3)


def orders(folder: Path, count: int, plan: BatchPlan = PLAN, aug: Augmentation | None = None) -> list[Order]:
    planner = Planner(plan, (aug or Augmentation()).negatives, 0, Rounds(folder, 0))
    return [order for order, _ in islice(planner.orders(Place()), count)]


def batches(folder: Path, labels: Labeller, aug: Augmentation | None = None) -> TrainingBatches:
    return TrainingBatches(folder, SPEC, aug or Augmentation(), lambda folder: labels, 0)


def same(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(value, b[name]) if isinstance(value, torch.Tensor) else value == b[name]
        for name, value in a.items()
    )


@pytest.fixture
def folder(tmp_path: Path, shard: Callable[..., None]) -> Path:
    shard(tmp_path / "a.tar", range(8))
    return tmp_path


def test_batches_have_their_shapes(folder: Path, plain_labels: Labeller) -> None:
    (order,) = orders(folder, 1)
    batch = batches(folder, plain_labels)[order]
    shapes = {name: tuple(value.shape) for name, value in batch.items() if isinstance(value, torch.Tensor)}
    assert shapes == {
        "whole_image": (2, 64, 64, 3),
        "whole_labels": (2, 64, 64, 4),
        "whole_boxes": (2, MAX_PEOPLE, 4),
        "whole_kinds": (2, MAX_PEOPLE),
        "whole_points": (2, 0, 6),
        "whole_keypoints": (2, MAX_PEOPLE, 17, 3),
        "whole_number": (2,),
        "crop_image": (3, 96, 96, 3),
        "crop_maps": (3, 3, 56, 56),
        "crop_presence": (3,),
        "crop_box": (3, 4),
        "crop_keypoints": (3, 17, 3),
        "crop_photo": (3,),
    }
    assert batch["number"] == 0
    assert batch["pictures"] == batch["whole_number"].max() + 1 + len(order.crops)


def test_one_kind_of_samples_may_be_missing(folder: Path, plain_labels: Labeller) -> None:
    make = batches(folder, plain_labels)
    assert not any(name.startswith("whole") for name in make[orders(folder, 1, BatchPlan(whole=0, crops=2))[0]])
    assert not any(name.startswith("crop") for name in make[orders(folder, 1, BatchPlan(whole=2, crops=0))[0]])


def test_an_order_gives_the_same_batch_whatever_was_made_before(folder: Path, plain_labels: Labeller) -> None:
    asked = orders(folder, 6)
    one, other = batches(folder, plain_labels), batches(folder, plain_labels)
    forwards = [one[order] for order in asked]
    backwards = [other[order] for order in reversed(asked)]
    assert all(same(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))
    assert not same(forwards[0], forwards[1])


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_a_batch(folder: Path, plain_labels: Labeller, world: int) -> None:
    make, plan = batches(folder, plain_labels), BatchPlan(whole=3, crops=7)
    for order in orders(folder, 5, plan, Augmentation(occluder=1.0, negatives=0.3)):
        whole = make[order]
        parts = [make[order.part(rank, world)] for rank in range(world)]
        for name, value in whole.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(torch.cat([part[name] for part in parts]), value), name


def test_a_picture_that_cannot_be_read_is_replaced(
    folder: Path, plain_labels: Labeller, shard: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    shard(folder / "b.tar", range(8, 16))
    asked = orders(folder, 4)
    whole = (folder / "a.tar").read_bytes()
    (folder / "a.tar").write_bytes(whole[: len(whole) // 3])
    make = batches(folder, plain_labels)
    with caplog.at_level(logging.WARNING):
        made = [make[order] for order in asked]
    assert all(len(batch["whole_image"]) == 2 and len(batch["crop_image"]) == 3 for batch in made)
    assert caplog.text.count("a.tar is left out") == 1


def test_unreadable_data_is_an_error_in_the_end(folder: Path, plain_labels: Labeller) -> None:
    (order,) = orders(folder, 1)
    (folder / "a.tar").unlink()
    with pytest.raises(InputError, match=r"a\.tar"):
        batches(folder, plain_labels)[order]


def test_somebody_is_cropped_even_if_the_disturbed_picture_shows_nobody(folder: Path, plain_labels: Labeller) -> None:
    hiding = replace(Augmentation(), window=1.0, occluder=1.0, negatives=0.0, shift=5.0)
    for order in orders(folder, 6, aug=hiding):
        batch = batches(folder, plain_labels, hiding)[order]
        assert (batch["crop_presence"] == 1).all()
        assert (batch["crop_maps"][:, 0] > 0).flatten(1).any(1).all()


def test_folders_within_are_labelled_on_their_own(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        shard(tmp_path / name / "a.tar", range(4))
    asked: list[Path] = []

    def labels(folder: Path) -> Labeller:
        asked.append(folder)
        return plain_labels

    make = TrainingBatches(tmp_path, SPEC, Augmentation(), labels, 0)
    for order in orders(tmp_path, 4):
        make[order]
    assert sorted(asked) == [tmp_path / "first", tmp_path / "second"]
