"""The endless stream of training batches: planned in the training process, made in loading processes."""

import signal
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final, Protocol

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.dataset import Batch, TrainingBatches
from densepose_mobile.train.data.looks import BatchPlan, Order, Place, Planner

__all__ = ["PlannedStream", "Stream", "check_share", "load_batches"]

_PREFETCH: Final = 4  # batches of each loading process
_PLACES: Final = 1024  # that are remembered, many more than batches are under way


class Stream(Protocol):
    """What the engine trains on."""

    def loader(self, workers: int) -> "DataLoader[Batch]":
        """The batches of this process from where the stream was taken up, made by so many processes beside it."""
        ...

    def place(self, batches: int) -> dict[str, Any]:
        """What a checkpoint keeps after so many batches of the run, in plain values."""
        ...

    def summary(self, batches: int) -> dict[str, int]:
        """What weights tell of the data that they have seen by then: `pictures`, looks at them, and `shards`."""
        ...


def load_batches(batches: Dataset[Batch], orders: Iterable[Any], workers: int) -> "DataLoader[Batch]":
    """`batches[order]` of each order, made by so many processes of one thread each, in the orders' order."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=orders,
        num_workers=workers,
        prefetch_factor=_PREFETCH if workers else None,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_begin_worker,
    )


def check_share(key: str, count: int, world: int) -> None:
    """Raise InputError when what the recipe's `key` says is too little for every process to get some."""
    if 0 < count < world:
        raise InputError(f"`{key}` is {count}: {world} processes cannot share it; say {world} or more")


class PlannedStream(Stream):
    """Batches as a planner orders them. Of `world` processes that train together, `rank` is one."""

    def __init__(
        self,
        batches: TrainingBatches,
        planner: Planner,
        plan: BatchPlan,
        place: Place,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """place: where it goes on. Raises InputError when a batch is too small to be shared."""
        for name, count in (("whole", plan.whole), ("crops", plan.crops)):
            check_share(f"batch.{name}", count, world)
        self._batches = batches
        self._orders = _Orders(planner, place, rank, world)

    def loader(self, workers: int) -> "DataLoader[Batch]":
        """See `Stream`. Any number of workers gives the same batches."""
        return load_batches(self._batches, self._orders, workers)

    def place(self, batches: int) -> dict[str, Any]:
        """See `Stream`; the fields of a `Place`."""
        return asdict(self._orders.places[batches])

    def summary(self, batches: int) -> dict[str, int]:
        """See `Stream`."""
        place = self._orders.places[batches]
        return {"pictures": place.looks, "shards": len({*place.reads, *place.shards})}


class _Orders(Iterable[Order]):
    def __init__(self, planner: Planner, place: Place, rank: int, world: int) -> None:
        self._planner, self._place, self._rank, self._world = planner, place, rank, world
        self.places = {place.batch: place}

    def __iter__(self) -> Iterator[Order]:
        self.places = {self._place.batch: self._place}
        for order, place in self._planner.orders(self._place):
            self.places[place.batch] = place
            self.places.pop(place.batch - _PLACES, None)
            yield order.part(self._rank, self._world)


def _begin_worker(worker: int) -> None:
    """One thread, and no ear for the signals that stop a run: those who send them often reach its whole group.

    The training process needs its loading processes until its step is done, and ends them itself.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
