"""What average precision ranks, against a slow direct implementation of the definitions."""

from dataclasses import replace

import numpy as np
import pytest

from densepose_mobile.atlas import Atlas
from densepose_mobile.metrics import EvaluationOptions, SurfacePoints, TruthPerson, TruthPicture, evaluate, rank_picture
from densepose_mobile.metrics.ranking import THRESHOLDS, Ranking
from densepose_mobile.parts import KAPPA, mirror_iuv
from densepose_mobile.results import DensePoseResult, Person

SIZE = 120


def person(rng, box, score):
    left, top, right, bottom = box
    shape = bottom - top, right - left
    part = rng.integers(0, 4, shape).astype(np.uint8)
    uv = rng.random((2, *shape)).astype(np.float32) * (part > 0)
    return Person(np.array(box, np.float32), score, part, uv, np.ones(shape, np.float32) * (part > 0))


def boxes(rng, count):
    low = rng.integers(0, SIZE - 50, (count, 2))
    return np.concatenate([low, low + rng.integers(20, 50, (count, 2))], 1)


def scene(seed):
    """A picture with people, some without points and one crowd, and random predictions near them."""
    rng = np.random.default_rng(seed)
    people, places = [], boxes(rng, 4)
    for id, (left, top, right, bottom) in enumerate(places):
        mask = np.zeros((SIZE, SIZE), bool)
        mask[top:bottom, left:right] = rng.random((bottom - top, right - left)) < 0.8
        mask[top, left] = mask[bottom - 1, right - 1] = True
        count = int(rng.integers(1, 9))
        xy = np.column_stack([rng.uniform(left, right, count), rng.uniform(top, bottom, count)])
        points = SurfacePoints(
            xy.astype(np.float32),
            rng.integers(1, 4, count).astype(np.uint8),
            rng.random((2, count)).astype(np.float32),
        )
        people.append(TruthPerson.from_mask(id, mask, points=None if id == 2 else points, crowd=id == 3))
    near = np.clip(places[rng.integers(0, 4, 6)] + rng.integers(-8, 9, (6, 4)), 0, SIZE)
    found = [person(rng, box, float(rng.random())) for box in near if (box[2:] > box[:2]).all()]
    return DensePoseResult(tuple(found), SIZE, SIZE), TruthPicture(seed, f"{seed}.jpg", SIZE, SIZE, tuple(people))


def direct_similarity(atlas, found, truth):
    """(GPS, GPSm) of one prediction and one person: one point, one pixel at a time."""
    values = []
    for (x, y), part, uv in zip(truth.points.xy, truth.points.part, truth.points.uv.T, strict=True):
        column, row = int(np.floor(x)) - int(found.box[0]), int(np.floor(y)) - int(found.box[1])
        height, width = found.part.shape
        value = 0.0
        if 0 <= row < height and 0 <= column < width and found.part[row, column]:
            d = atlas.geodesic(
                found.part[row, column][None], found.uv[:, row, column][:, None], part[None], uv[:, None]
            )[0]
            value = float(np.exp(-(d**2) / (2 * KAPPA[part] ** 2)))
        values.append(value)
    gps = float(np.mean(values))
    predicted = {
        (int(found.box[1]) + r, int(found.box[0]) + c) for r, c in zip(*np.nonzero(found.part > 0), strict=True)
    }
    true = set(zip(*np.nonzero(truth.mask), strict=True))
    return gps, float(np.sqrt(gps * len(predicted & true) / len(predicted | true)))


def direct_ap(scenes, atlas, kind, threshold):
    """Average precision at one threshold, as the COCO evaluation is described."""
    entries, wanted = [], 0
    for result, picture in scenes:
        taken = set()
        judged = [p for p in picture.people if p.points is not None and not p.crowd]
        wanted += len(judged)
        for found in sorted(result.people, key=lambda p: -p.score)[:20]:
            best, owner = threshold, None
            for truth in judged:
                touches = (np.minimum(found.box[2:], truth.box[2:]) > np.maximum(found.box[:2], truth.box[:2])).all()
                value = direct_similarity(atlas, found, truth)[kind] if touches else 0.0
                if truth.id not in taken and value >= best:
                    best, owner = value, truth.id
            if owner is not None:
                taken.add(owner)
                entries.append((found.score, 1))
            elif not any(excused(found, p, threshold, taken) for p in picture.people):
                entries.append((found.score, 0))
    entries.sort(key=lambda entry: -entry[0])
    hits = np.cumsum([right for _, right in entries])
    precision = hits / np.arange(1, len(hits) + 1)
    recall = hits / wanted
    return float(np.mean([max(precision[recall >= level], default=0.0) for level in np.linspace(0, 1, 101)]))


def excused(found, truth, threshold, taken):
    """Whether a prediction is of somebody who is ignored. A crowd takes any number, a person without points one."""
    low, high = np.maximum(found.box[:2], truth.box[:2]), np.minimum(found.box[2:], truth.box[2:])
    shared = np.prod(np.maximum(high - low, 0))
    own = np.prod(found.box[2:] - found.box[:2])
    if truth.crowd:
        return shared / own >= threshold
    if truth.points is None and truth.id not in taken and shared / (own + truth.box_area - shared) >= threshold:
        taken.add(truth.id)
        return True
    return False


@pytest.mark.parametrize(("name", "kind"), [("gps", 0), ("gpsm", 1)])
def test_agrees_with_the_definitions(atlas, name, kind):
    scenes = [scene(seed) for seed in range(12)]
    ranking = Ranking.build([rank_picture(*one, atlas)[name] for one in scenes])
    places = [int(np.flatnonzero(threshold == THRESHOLDS)[0]) for threshold in (0.2, 0.3, 0.5)]
    curve = [direct_ap(scenes, atlas, kind, THRESHOLDS[place]) for place in places]
    assert max(curve) > 0.02  # something is matched
    for place, expected in zip(places, curve, strict=True):
        level = replace(
            ranking,
            right=np.repeat(ranking.right[[place]], len(THRESHOLDS), 0),
            ignored=np.repeat(ranking.ignored[[place]], len(THRESHOLDS), 0),
        )
        assert level.precision().ap == pytest.approx(expected, abs=1e-6)


@pytest.fixture(scope="module")
def bodies():
    """Two people of random surface patches on the packaged atlas, predicted to perfection."""
    atlas = Atlas.load()
    rng = np.random.default_rng(0)
    found, people = [], []
    for id, left in enumerate((4, 64)):
        part = np.repeat(np.repeat(rng.integers(1, 25, (10, 5)), 10, 0), 10, 1).astype(np.uint8)
        ramp = np.linspace(0.1, 0.9, 100)[:, None] * np.ones((1, 50))
        across = np.ones((100, 1)) * np.linspace(0.1, 0.9, 50)
        surface = atlas.iuv(atlas.surface_point(part.ravel(), ramp.ravel(), across.ravel()))
        part, uv = surface[0].reshape(100, 50), surface[1].reshape(2, 100, 50)
        box = np.array([left, 10, left + 50, 110], np.float32)
        found.append(Person(box, 0.9 - 0.1 * id, part, uv, np.ones((100, 50), np.float32)))
        rows, columns = rng.integers(0, 100, 120), rng.integers(0, 50, 120)
        xy = np.column_stack([columns + left + 0.5, rows + 10.5]).astype(np.float32)
        mask = np.zeros((SIZE, SIZE), bool)
        mask[10:110, left : left + 50] = True
        points = SurfacePoints(xy, part[rows, columns], uv[:, rows, columns])
        people.append(TruthPerson.from_mask(id, mask, points=points))
    return DensePoseResult(tuple(found), SIZE, SIZE), TruthPicture(1, "a.jpg", SIZE, SIZE, tuple(people)), atlas


def measure(people, picture, atlas):
    result = DensePoseResult(tuple(people), SIZE, SIZE)
    return evaluate([result], [picture], atlas, EvaluationOptions(min_box_area=0), resamples=10)


def shift(person):
    return replace(person, part=np.roll(person.part, 9, 1), uv=np.roll(person.uv, 9, 2))


def flip_u(person):
    return replace(person, uv=np.stack([1 - person.uv[0], person.uv[1]]))


def swap_sides(person):
    part, uv = mirror_iuv(person.part, person.uv)
    return replace(person, part=part, uv=uv)


@pytest.mark.parametrize(
    ("degrade", "least"), [(shift, 0.1), (flip_u, 0.1), (swap_sides, 0.2)], ids=lambda x: getattr(x, "__name__", "")
)
def test_worse_predictions_score_lower(bodies, degrade, least):
    result, picture, atlas = bodies
    best = measure(result, picture, atlas)
    worse = measure(map(degrade, result), picture, atlas)
    assert best["gps"].value > 0.98
    assert best["ap_gps"].value == best["ap_gpsm"].value == pytest.approx(1)
    for name in ("gps", "gpsm", "ap_gps", "ap_gpsm"):
        assert worse[name].value < best[name].value - least, name


def test_true_parts_undo_swapped_sides_and_true_coordinates_a_flipped_u(bodies):
    result, picture, atlas = bodies
    swapped = measure(map(swap_sides, result), picture, atlas)
    flipped = measure(map(flip_u, result), picture, atlas)
    assert flipped["gps_true_uv"].value > 0.98
    assert flipped["gps_true_part"].value == pytest.approx(flipped["gps"].value, abs=1e-4)
    assert swapped["gps_true_part"].value > swapped["gps"].value + 0.2


def test_dropped_people_cost_recall(bodies):
    result, picture, atlas = bodies
    half = measure(result.people[:1], picture, atlas)
    assert half["ar_gps"].value == pytest.approx(0.5)
    assert half["gps"].value < 0.52


def test_pictures_without_people_or_predictions(atlas):
    result, picture = scene(0)
    nobody = rank_picture(result, replace(picture, people=()), atlas)["gps"]
    assert nobody.similarity.shape == (len(result), 0)
    assert rank_picture(replace(result, people=()), picture, atlas)["gpsm"].similarity.shape == (0, 4)
