from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.train.data import looks
from densepose_mobile.train.data.looks import BatchPlan, Place, Planner
from densepose_mobile.train.data.rounds import Rounds
from densepose_mobile.train.data.shard_index import StoredPicture

PLAN = BatchPlan(whole=2, crops=5, crops_per_picture=2)


@pytest.fixture
def folder(tmp_path: Path, shard: Callable[..., None]) -> Path:
    for name, first in (("a.tar", 0), ("b.tar", 6)):
        shard(tmp_path / name, range(first, first + 6))
    return tmp_path


def planner(folder: Path, plan: BatchPlan = PLAN, seed: int = 0) -> Planner:
    return Planner(plan, 0.2, seed, Rounds(folder, seed))


def place_of(source: object) -> tuple[str, int]:
    assert isinstance(source, StoredPicture)
    return source.shard, source.spans[0][0]


def test_batches_have_the_samples_that_are_planned(folder: Path) -> None:
    numbers: list[int] = []
    for order, place in islice(planner(folder).orders(Place()), 20):
        assert len(order.wholes) == 2
        assert sum(len(look.people) for look in order.crops) == 5
        for look in order.crops:
            people = [person for person in look.people if person is not None]
            assert 1 <= len(look.people) <= 3
            assert len(set(people)) == len(people) <= 2
            picture = look.sources[0]
            assert set(people) <= set(picture.people)
            assert all(spare.people for spare in look.sources[1:])
        numbers += [look.number for look in (*order.wholes, *order.crops)]
        assert order.pictures == place.looks == len(numbers)
        assert place.batch == order.number + 1
    assert numbers == list(range(len(numbers)))


def test_every_picture_is_passed_once_a_round(folder: Path) -> None:
    plan = BatchPlan(whole=3, crops=0)
    orders = [order for order, _ in islice(planner(folder, plan).orders(Place()), 8)]
    seen = [place_of(look.sources[0]) for order in orders for look in order.wholes]
    assert len(set(seen[:12])) == len(set(seen[12:])) == 12
    assert seen[:12] != seen[12:]
    _, place = next(islice(planner(folder, plan).orders(Place()), 4, None))
    assert place.reads == {"a.tar": 1, "b.tar": 1}
    assert (place.round, place.passed) == (2, 3)


@pytest.mark.parametrize("at", [1, 4, 9, 17])
def test_it_goes_on_from_any_place(folder: Path, at: int) -> None:
    whole = list(islice(planner(folder).orders(Place()), 24))
    place = Place(**asdict(whole[at - 1][1]))  # as a checkpoint keeps it
    assert list(islice(planner(folder).orders(place), 24 - at)) == whole[at:]


def test_what_follows_depends_on_the_seed(folder: Path) -> None:
    first, same, other = (list(islice(planner(folder, seed=seed).orders(Place()), 3)) for seed in (0, 0, 1))
    assert first == same
    assert first != other


def test_shards_that_changed_are_told(
    folder: Path, shard: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    place = next(iter(planner(folder).orders(Place())))[1]
    shard(folder / "a.tar", range(9))
    order, _ = next(iter(planner(folder).orders(place)))
    assert "have changed" in caplog.text
    assert len(order.wholes) == 2


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_parts_make_up_the_batch(folder: Path, world: int) -> None:
    for order, _ in islice(planner(folder).orders(Place()), 10):
        parts = [order.part(rank, world) for rank in range(world)]
        assert sum((part.wholes for part in parts), ()) == order.wholes
        rows = [
            (look.number, look.first + i, person)
            for part in parts
            for look in part.crops
            for i, person in enumerate(look.people)
        ]
        assert rows == [(look.number, i, person) for look in order.crops for i, person in enumerate(look.people)]
        sizes = [sum(len(look.people) for look in part.crops) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert all(part.number == order.number and part.pictures == order.pictures for part in parts)


def test_nobody_is_cropped_now_and_then(folder: Path) -> None:
    people: Counter[bool] = Counter()
    for order, _ in islice(planner(folder, BatchPlan(whole=0, crops=20)).orders(Place()), 40):
        people.update(person is None for look in order.crops for person in look.people)
    assert 0.08 < people[True] / people.total() < 0.3


def test_pictures_without_people_are_passed_over_and_given_up_in_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_BARREN", 30)
    monkeypatch.setattr(looks, "draw_people", lambda rng, people, sizes: [])
    with pytest.raises(InputError, match="nobody in 31 pictures"):
        next(iter(Planner(PLAN, 0.0, 0, Rounds(folder, 0)).orders(Place())))


def test_without_any_data_there_is_nothing_to_plan() -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        Planner(PLAN, 0.0, 0, None)
