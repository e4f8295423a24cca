"""What the training stream looks at, planned ahead: which picture, whom to crop, and what to do if that cannot be done.

A plan costs no decoding. It is made in the training process, batch by batch, from nothing but the seed, the folder's
rounds and the place where it stands; loading processes carry out what it says. So any number of them, and any number of
training processes that share the batches, see the same samples, and a resumed run goes on with the very next batch.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

import numpy as np

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.annotated import Photo
from densepose_mobile.train.data.croppable import draw_people
from densepose_mobile.train.data.draws import Draw, generator
from densepose_mobile.train.data.rounds import Round, Rounds
from densepose_mobile.train.data.shard_index import StoredPicture

__all__ = ["BatchPlan", "Look", "Order", "Place", "Planner", "share"]

_log = logging.getLogger(__name__)

_SPARES: Final = 3  # pictures to fall back on, of each look
_BARREN: Final = 20_000  # pictures in a row that show nobody large enough, after which it is given up

Source = StoredPicture | Photo


@dataclass(frozen=True)
class BatchPlan:
    """What one batch consists of, over all processes that train together."""

    whole: int = 4  # whole pictures, over all processes
    crops: int = 16  # of one person each, over all processes
    crops_per_picture: int = 2  # at most, and now and then one of nobody
    photos: float = 0.1  # share of pictures that are annotated photos, where there are both
    guests: float = 0.0  # share of pictures that people of an annotated photo are pasted into


@dataclass(frozen=True)
class Look:
    """One look at a picture, for a whole sample or for crops.

    number: of all looks of the run. sources: the picture, then others in case it cannot be read or shows too little.
    people: whom to crop, rows of the scene; None a crop of nobody; empty for a whole sample. first: number of the first
    crop, where other crops of the same look are made elsewhere. among: `people` wherever they are made, for what all
    crops of the look share. guests: photo whose people are pasted into the picture.
    """

    number: int
    sources: tuple[Source, ...]
    people: tuple[int | None, ...] = ()
    first: int = 0
    among: tuple[int | None, ...] = ()
    guests: Photo | None = None


@dataclass(frozen=True)
class Order:
    """The samples of one batch. number: of all batches of the run. pictures: looks until the end of this batch."""

    number: int
    wholes: tuple[Look, ...]
    crops: tuple[Look, ...]
    pictures: int

    def part(self, rank: int, world: int) -> "Order":
        """What the process `rank` of `world` makes: its share of the whole samples, and of the crops.

        Shares are neighbours in the batch, because crops of one picture are, and as equal as they can be.
        """
        wholes = share(len(self.wholes), rank, world)
        first, end = share(sum(len(look.people) for look in self.crops), rank, world)
        crops, begin = [], 0
        for look in self.crops:
            people = look.people[max(first - begin, 0) : max(end - begin, 0)]
            if people:
                crops.append(replace(look, people=people, first=look.first + max(first - begin, 0)))
            begin += len(look.people)
        return replace(self, wholes=self.wholes[slice(*wholes)], crops=tuple(crops))


@dataclass(frozen=True)
class Place:
    """Where the stream stands between two batches; what follows depends on this, the seed and the data alone.

    batch, looks, photos: how many there were so far. round, shards, pictures: the present round, its shards and how
    many pictures they hold; passed: how many of these were passed. reads: how often each shard was read to its end.
    """

    batch: int = 0
    looks: int = 0
    photos: int = 0
    round: int = 0
    shards: tuple[str, ...] = ()
    pictures: int = 0
    passed: int = 0
    reads: Mapping[str, int] = field(default_factory=dict)


class Planner:
    """Plans batches. rounds: the rendered pictures; photos: those mixed in, or all there is where `rounds` is None."""

    def __init__(
        self, plan: BatchPlan, negatives: float, seed: int, rounds: Rounds | None, photos: Sequence[Photo] = ()
    ) -> None:
        """negatives: crops of nobody for each crop of somebody. Raises InputError without anything to look at."""
        if rounds is None and not photos:
            raise InputError("there is nothing to train on: give a folder of shards, or annotated photos")
        self._plan, self._negatives, self._seed = plan, negatives, seed
        self._rounds, self._photos = rounds, photos
        self._peopled_photos = [photo for photo in photos if photo.people]
        self._order: tuple[int, Sequence[int]] = (-1, ())  # of the photos, and the time through that it belongs to
        self._reads: dict[str, int] = {}
        self._looks = self._photos_passed = self._passed = 0
        self._enter(Round(0, (), ()))

    def orders(self, place: Place) -> Iterator[tuple[Order, Place]]:
        """The batches after `place`, endless, each with the place behind it."""
        self._looks, self._photos_passed, self._passed = place.looks, place.photos, place.passed
        self._reads = dict(place.reads)
        self._enter(Round(0, (), ()))
        if self._rounds is not None and place.round:
            self._enter(self._rounds.open(place.round, place.reads, place.shards))
            if len(self._round.pictures) != place.pictures or self._round.shards != place.shards:
                _log.warning("the shards of round %d have changed; what follows is not what would have", place.round)
        for number in count(place.batch):
            yield self._batch(number), self._place(number + 1)

    def _place(self, batch: int) -> Place:
        opened = self._round
        return Place(
            batch,
            self._looks,
            self._photos_passed,
            opened.number,
            opened.shards,
            len(opened.pictures),
            self._passed,
            self._reads,
        )

    def _batch(self, number: int) -> Order:
        rng = generator(self._seed, Draw.PLAN, number)
        wholes = [self._look(rng, self._picture(rng), ()) for _ in range(self._plan.whole)]
        crops: list[Look] = []
        rows = barren = 0
        while rows < self._plan.crops:
            picture = self._picture(rng)
            people = self._wanted(rng, picture)[: self._plan.crops - rows]
            if people:
                crops.append(self._look(rng, picture, people))
            rows += len(people)
            barren = 0 if people else barren + 1
            if barren > _BARREN:
                raise InputError(f"nobody in {barren} pictures is large enough to be cropped; train on others")
        return Order(number, tuple(wholes), tuple(crops), self._looks)

    def _wanted(self, rng: np.random.Generator, picture: Source) -> tuple[int | None, ...]:
        """Whom to crop."""
        people: list[int | None] = list(draw_people(rng, picture.people, picture.sizes)[: self._plan.crops_per_picture])
        if rng.random() < self._negatives * max(len(people), 1):
            people.insert(int(rng.integers(len(people) + 1)), None)
        return tuple(people)

    def _look(self, rng: np.random.Generator, picture: Source, people: tuple[int | None, ...]) -> Look:
        others: Sequence[Source]
        if isinstance(picture, Photo):
            others = (self._peopled_photos if people else ()) or self._photos
        else:
            others = (self._peopled if people else ()) or self._round.pictures
        spares = tuple(others[int(place * len(others))] for place in rng.random(_SPARES).tolist())
        guests = None
        if self._plan.guests and self._peopled_photos and rng.random() < self._plan.guests:
            guests = self._peopled_photos[int(rng.integers(len(self._peopled_photos)))]
        self._looks += 1
        return Look(self._looks - 1, (picture, *spares), people, among=people, guests=guests)

    def _picture(self, rng: np.random.Generator) -> Source:
        if self._photos and (self._rounds is None or rng.random() < self._plan.photos):
            return self._photo()
        return self._rendered()

    def _photo(self) -> Photo:
        """All photos in random order, then again in another."""
        times, row = divmod(self._photos_passed, len(self._photos))
        if self._order[0] != times:
            order = generator(self._seed, Draw.PHOTOS, times).permutation(len(self._photos))
            self._order = (times, order.tolist())
        self._photos_passed += 1
        return self._photos[self._order[1][row]]

    def _rendered(self) -> StoredPicture:
        assert self._rounds is not None
        if self._passed >= len(self._round.pictures):
            self._reads = self._reads | {name: self._reads.get(name, 0) + 1 for name in self._round.shards}
            self._enter(self._rounds.open(self._round.number + 1, self._reads))
            self._passed = 0
        self._passed += 1
        return self._round.pictures[self._passed - 1]

    def _enter(self, opened: Round) -> None:
        self._round = opened
        self._peopled = [picture for picture in opened.pictures if picture.people]  # to fall back on


def share(count: int, rank: int, world: int) -> tuple[int, int]:
    """First and end of the rank's share of `count` things in a row."""
    return rank * count // world, (rank + 1) * count // world
