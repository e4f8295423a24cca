"""Traits of people who are sampled again: their skin as painted, and that they are the same people."""

from dataclasses import replace

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.fabrics import SKIN_TONES
from densepose_mobile.train.data.persons import Layer, PosedPerson
from densepose_mobile.train.data.records import PersonTruth, Picture
from densepose_mobile.train.data.render import sample_people
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet
from densepose_mobile.train.data.traits import TraitReader, cheeks, skin_angle, typology_angle

CHEEK = (0.03, 1.56, 0.13)
CHIN = (0.0, 1.50, 0.13)
TRIANGLE = np.array([[0, 0, 0], [0.002, 0, 0], [0, 0.002, 0]], np.float32)


def test_typology_angle_of_known_colours():
    # Grey of L* = 75 has no b*: straight up. L* = 63.2 and b* = 21.8 of this brown: atan(13.2 / 21.8).
    assert typology_angle(np.array([185.0, 185, 185])) == pytest.approx(90, abs=0.5)
    assert typology_angle(np.array([194.0, 143, 115])) == pytest.approx(31, abs=1.5)
    angles = [typology_angle(tone) for tone in SKIN_TONES]  # from light to dark
    assert angles == sorted(angles, reverse=True)
    assert angles[0] > 55
    assert angles[-1] < -30


def test_cheeks_are_neither_glasses_nor_beard_nor_mouth():
    points = np.array([CHEEK, CHIN, (0.03, 1.59, 0.13), (0.06, 1.56, 0.10), (0.03, 1.56, 0.10)], np.float32)
    assert cheeks(points).tolist() == [True, False, False, False, False]


class Mannequins:
    """Bodies of two faces, a cheek and the chin, whose skin has the tone that the generator draws."""

    surfaces = SurfaceSet.of(
        [Surface("doll/body", np.arange(6).reshape(2, 3), np.concatenate([TRIANGLE + CHEEK, TRIANGLE + CHIN]))]
    )

    def sample(self, rng):
        texture = np.zeros((8, 8, 3), np.uint8)
        tone = int(rng.integers(len(SKIN_TONES)))
        texture[:4] = SKIN_TONES[tone]  # the upper half, which the cheek wears
        uv = np.array([[0.1, 0.1], [0.4, 0.1], [0.1, 0.4], [0.1, 0.6], [0.4, 0.6], [0.1, 0.9]], np.float32)
        faces = np.arange(6, dtype=np.int32).reshape(2, 3)
        layer = Layer("doll/body", np.zeros((6, 3), np.float32), faces, faces, uv, texture)
        height = float(rng.uniform(1.5, 1.9))
        return PosedPerson("doll", f"doll_{tone}", (layer,), np.zeros((17, 3), np.float32), height, f"clip:{tone}")


def shown(index, people):
    zeros = np.zeros(4, np.float32)
    truths = tuple(
        PersonTruth(k, person.kind, person.identity, zeros, zeros, np.zeros((17, 3), np.float32), 9)
        for k, person in enumerate(people, 1)
    )
    blank = np.zeros((4, 4), np.int32)
    meta = {"index": index, "clips": [person.clip for person in people]}
    image, weights = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 2), np.uint8)
    return Picture(f"val-{index}", image, blank, weights, blank.astype(np.uint8), truths, meta)


@pytest.fixture
def reader():
    return TraitReader(Mannequins(), Mannequins.surfaces, "val", 7, True)


def test_skin_is_read_where_the_cheek_wears_its_texture():
    person = Mannequins().sample(np.random.default_rng(0))
    tone = int(person.identity.rpartition("_")[2])
    assert skin_angle(person, Mannequins.surfaces) == pytest.approx(typology_angle(SKIN_TONES[tone]), abs=1)
    faceless = SurfaceSet.of([Surface("doll/body", np.arange(3).reshape(1, 3), TRIANGLE + CHIN)])
    assert skin_angle(person, faceless) is None


def test_people_are_told_apart_who_found_no_room_or_walk_by_twice(reader):
    index = next(i for i in range(99) if len({p.clip for p in sample_people(Mannequins(), "val", 7, i, True)[0]}) > 2)
    sampled, _ = sample_people(Mannequins(), "val", 7, index, True)
    drawn = [sampled[0], *sampled[2:], sampled[0]]
    traits = reader(shown(index, drawn))
    assert [found.height_m for found in traits] == [round(person.height_m, 3) for person in drawn]
    tones = [SKIN_TONES[int(person.identity.rpartition("_")[2])] for person in drawn]
    assert [found.skin_ita for found in traits] == pytest.approx([typology_angle(tone) for tone in tones], abs=1)
    assert {found.age for found in traits} == {"adult"}


def test_other_people_than_would_be_drawn_are_refused(reader):
    index = next(i for i in range(99) if sample_people(Mannequins(), "val", 7, i, True)[0])
    sampled, _ = sample_people(Mannequins(), "val", 7, index, True)
    with pytest.raises(InputError, match=f"picture val-{index} shows somebody else, who is not drawn"):
        reader(shown(index, [replace(sampled[0], identity="somebody else")]))
