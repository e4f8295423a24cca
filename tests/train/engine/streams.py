"""Streams for the tests of training: batches of tiny pictures, and the same few of them over and over."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from torch.utils.data import DataLoader, IterableDataset

from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.dataset import Batch, TrainingBatches
from densepose_mobile.train.data.looks import BatchPlan, Place, Planner
from densepose_mobile.train.data.rounds import Rounds
from densepose_mobile.train.data.samples import Augmentation
from densepose_mobile.train.data.stream import Stream
from densepose_mobile.train.data.targets import Labeller


def first_batches(
    folder: Path | None,
    spec: ModelSpec,
    plan: BatchPlan,
    augmentation: Augmentation,
    labels: Labeller,
    number: int,
    photos: AnnotatedPhotos | None = None,
    teacher_size: int = 0,
) -> list[Batch]:
    """The first batches of a run with seed 0, made here."""
    make = TrainingBatches(folder, spec, augmentation, lambda folder: labels, 0, photos, teacher_size)
    rounds = None if folder is None else Rounds(folder, 0)
    planner = Planner(plan, augmentation.negatives, 0, rounds, [] if photos is None else photos.read())
    return [make[order] for order, _ in islice(planner.orders(Place()), number)]


class _Repeated(IterableDataset[Batch]):
    def __init__(self, batches: list[Batch], start: int) -> None:
        self.batches, self.start = batches, start

    def __iter__(self) -> Iterator[Batch]:
        for number in count(self.start):
            yield {**self.batches[number % len(self.batches)], "number": number, "pictures": 3 * number + 3}


class Fixed(Stream):
    """The same batches over and over, from number `start` on, as if each had taken three looks."""

    def __init__(self, batches: list[Batch], start: int = 0) -> None:
        self.batches, self.start = batches, start

    def loader(self, workers: int) -> "DataLoader[Batch]":
        """Made here, whatever is asked for."""
        return DataLoader(_Repeated(self.batches, self.start), batch_size=None)

    def place(self, batches: int) -> dict[str, int]:
        """Nothing but the number."""
        return {"batch": batches}

    def summary(self, batches: int) -> dict[str, int]:
        """Three looks a batch."""
        return {"pictures": 3 * batches, "shards": 1}
