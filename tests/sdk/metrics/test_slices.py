"""Slices of hand-made people: who belongs where, and whose sums count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.metrics import EvaluationOptions, TruthPerson, TruthPicture, score_picture, summarise
from densepose_mobile.metrics.slices import SLICED_MEASURES, SLICINGS, slice_report, slice_scores, slices_json
from densepose_mobile.metrics.traits import PersonTraits
from densepose_mobile.results import DensePoseResult, Person

SIZE = 200
EVERYBODY = EvaluationOptions(min_box_area=0)


def truth(box, id=1, side=SIZE, **traits):
    mask = np.zeros((side, side), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return TruthPerson.from_mask(id, mask, traits=PersonTraits(**traits))


def picture(*people, name="a.jpg"):
    return TruthPicture(1, name, SIZE, SIZE, tuple(people))


def found(*boxes):
    people = []
    for left, top, right, bottom in boxes:
        shape = bottom - top, right - left
        box = np.array([left, top, right, bottom], np.float32)
        flat = np.zeros((2, *shape), np.float32)
        people.append(Person(box, 0.9, np.full(shape, 2, np.uint8), flat, np.full(shape, 0.5, np.float32)))
    return DensePoseResult(tuple(people), SIZE, SIZE)


def places(person, input_side=SIZE):
    given = {name: slicing.place(person, input_side) for name, slicing in SLICINGS.items()}
    return {name: place for name, place in given.items() if place is not None}


def test_a_photo_tells_nothing_but_scale():
    assert places(truth([0, 0, 100, 150])) == {"scale": "96..159"}


@pytest.mark.parametrize(
    ("side", "name"), [(31, None), (32, "32..63"), (64, "64..95"), (96, "96..159"), (95, "64..95")]
)
def test_scale_is_in_the_frame_of_the_network(side, name):
    assert places(truth([0, 0, side, 20])).get("scale") == name
    assert places(truth([0, 0, 2 * side, 40], side=2 * SIZE)).get("scale") == name


def test_truncation_is_of_the_whole_box_and_occlusion_of_its_part_in_the_frame():
    # Half of the box lies below the picture; of what is in it, the visible person spans the upper 60 of 100 rows.
    hidden = places(truth([0, 0, 200, 120], full_box=(0, 0, 200, 400)))
    assert hidden["truncation"] == "50..75 %"
    assert hidden["occlusion"] == "below 75 %"
    whole = places(truth([50, 50, 150, 150], full_box=(50, 50, 150, 150)))
    assert whole["truncation"] == "all"
    assert whole["occlusion"] == "95 % and more"
    assert places(truth([0, 0, 100, 100], full_box=(-300, 0, 100, 100)))["truncation"] == "below 50 %"
    assert "truncation" not in places(truth([0, 0, 100, 100], full_box=(5, 5, 5, 5)))


@pytest.mark.parametrize(
    ("angle", "name"),
    [(-60, "brown and dark"), (9.9, "brown and dark"), (10, "tan"), (28, "intermediate"), (41, "light"), (90, "light")],
)
def test_skin_is_parted_as_in_the_literature(angle, name):
    assert places(truth([0, 0, 100, 100], skin_ita=angle))["skin"].startswith(name)


def test_only_sizes_are_told_of_small_people():
    small = truth([0, 0, 96, 96], age="child", height_m=1.1, kind="anny", weight=0.9, skin_ita=0)
    assert places(small) == {"scale": "96..159"}
    assert places(truth([0, 0, 97, 96], age="child", height_m=1.1, kind="anny", weight=0.9)) == {
        "scale": "96..159",
        "age": "child",
        "height": "below 1.3 m",
        "weight": "stout third",
        "kind": "parametric body",
    }


def test_all_are_matched_and_only_the_slice_is_counted():
    # The child's box alone would match the one prediction, which the adult, who fits better, takes away.
    adult = truth([0, 0, 100, 160], id=1, age="adult")
    child = truth([0, 40, 100, 200], id=2, age="child")
    scores = [score_picture(found((0, 10, 100, 170)), picture(adult, child), options=EVERYBODY)]
    parts = slice_scores(scores, SLICINGS["age"], SIZE)
    assert parts["adult"][0].sums["recall"] == (1, 1)
    assert parts["child"][0].sums["recall"] == (0, 1)
    assert parts["adult"][0].sums["mask_iou"] == (pytest.approx(150 / 170), 1)
    assert parts["adult"][0].sums["false_positives"] == (0, 0)


def test_reports_have_intervals_by_picture_and_no_empty_class():
    scores = []
    for index in range(6):
        adult, child = truth([0, 0, 100, 100], age="adult"), truth([100, 100, 200, 200], id=2, age="child")
        people = (adult, child) if index % 2 else (adult,)
        boxes = [(0, 0, 100, 100)] * (index < 3) + [(100, 100, 200, 200)] * (index % 2)
        scores.append(score_picture(found(*boxes), picture(*people, name=f"{index}.jpg")))
    reports = slice_report(scores, SIZE, resamples=200)
    assert list(reports) == ["scale", "age"]
    assert list(reports["scale"]) == ["96..159"]
    adult, child = reports["age"]["adult"], reports["age"]["child"]
    assert (adult.people, child.people) == (6, 3)
    assert adult["recall"].value == 0.5
    assert 0 < adult["recall"].low < 0.5 < adult["recall"].high < 1
    assert (child["recall"].low, child["recall"].value, child["recall"].high) == (1, 1, 1)
    plain = slices_json(reports)["age"]["classes"]["child"]
    assert plain["people"] == 3
    assert set(plain["measures"]) <= set(SLICED_MEASURES)
    assert plain["measures"]["mask_iou"] == {"value": 1, "low": 1, "high": 1, "count": 3}


@given(st.lists(st.floats(-89, 90), min_size=1, max_size=5), st.data())
def test_classes_add_up_to_the_whole(angles, data):
    people = [truth([0, 0, 100, 100 + id], id=id, skin_ita=angle) for id, angle in enumerate(angles)]
    boxes = data.draw(st.lists(st.sampled_from([(0, 0, 100, 100), (0, 0, 100, 60), (90, 90, 200, 200)]), max_size=4))
    scores = [score_picture(found(*boxes), picture(*people))]
    whole = summarise(scores, resamples=10)
    parts = [rows[0].sums for rows in slice_scores(scores, SLICINGS["skin"], SIZE).values()]
    for name in ("recall", "mask_iou", "mask_iou_found"):
        assert np.sum([part[name] for part in parts], axis=0) == pytest.approx(scores[0].sums[name])
    assert whole.people == len(angles)
