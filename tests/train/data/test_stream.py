import os
import signal
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.dataset import Batch, TrainingBatches
from densepose_mobile.train.data.looks import BatchPlan, Place, Planner
from densepose_mobile.train.data.rounds import Rounds
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.stream import PlannedStream, load_batches
from densepose_mobile.train.data.targets import Labeller

PLAN, WIDE = BatchPlan(whole=1, crops=2), BatchPlan(whole=2, crops=4)


def stream(
    folder: Path,
    labels: Labeller,
    place: Place | None = None,
    rank: int = 0,
    world: int = 1,
    plan: BatchPlan = PLAN,
) -> PlannedStream:
    spec = ModelSpec(detect_size=64, track_size=64, roi_size=8, map_size=16)
    made = TrainingBatches(folder, spec, Augmentation(), Given(labels), 0)
    planner = Planner(plan, 0.1, 0, Rounds(folder, 0))
    return PlannedStream(made, planner, plan, place or Place(), rank, world)


class Given:
    """Labels of any folder; unlike a lambda it can be sent to a loading process."""

    def __init__(self, labels: Labeller) -> None:
        self.labels = labels

    def __call__(self, folder: Path) -> Labeller:
        return self.labels


def read(source: PlannedStream, count: int, workers: int = 0) -> list[Batch]:
    return list(islice(source.loader(workers), count))


def same(a: list[Batch], b: list[Batch]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(one["crop_image"], other["crop_image"]) and torch.equal(one["whole_image"], other["whole_image"])
        for one, other in zip(a, b, strict=True)
    )


@pytest.fixture
def folder(tmp_path: Path, shard: Callable[..., None]) -> Path:
    shard(tmp_path / "a.tar", range(6))
    return tmp_path


def test_the_number_of_loading_processes_makes_no_difference(folder: Path, plain_labels: Labeller) -> None:
    assert same(read(stream(folder, plain_labels), 7), read(stream(folder, plain_labels), 7, workers=2))


def test_it_is_taken_up_at_any_place(folder: Path, plain_labels: Labeller) -> None:
    whole = stream(folder, plain_labels)
    batches = read(whole, 8)
    for at in (0, 3, 5):
        place = Place(**whole.place(at))
        assert same(read(stream(folder, plain_labels, place), 8 - at), batches[at:])
    assert whole.summary(5) == {"pictures": batches[4]["pictures"], "shards": 1}


def test_reading_again_begins_again(folder: Path, plain_labels: Labeller) -> None:
    source = stream(folder, plain_labels)
    assert same(read(source, 3), read(source, 3))


def test_processes_get_parts_of_the_same_batches(folder: Path, plain_labels: Labeller) -> None:
    whole = read(stream(folder, plain_labels, plan=WIDE), 3)
    parts = [read(stream(folder, plain_labels, rank=rank, world=2, plan=WIDE), 3) for rank in (0, 1)]
    for batch, left, right in zip(whole, *parts, strict=True):
        assert batch["number"] == left["number"] == right["number"]
        for name in ("whole_image", "crop_image"):
            assert torch.equal(torch.cat([left[name], right[name]]), batch[name])
    with pytest.raises(InputError, match=r"`batch\.whole` is 1: 2 processes"):
        stream(folder, plain_labels, world=2)


class Numbers(Dataset[Batch]):
    def __getitem__(self, order: int) -> Batch:
        return {"number": order, "process": os.getpid()}


def test_signals_that_stop_a_run_do_not_reach_its_loading_processes() -> None:
    batches = iter(load_batches(Numbers(), range(40), 1))
    process = next(batches)["process"]
    assert process != os.getpid()
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(process, number)
    assert [batch["number"] for batch in batches] == list(range(1, 40))
