"""Results: agreement of maps and boxes, painting, JSON, filtering."""

import copy
import json
import pickle
from dataclasses import asdict

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.results import DensePoseResult, Person


def person(left: int, top: int, width: int, height: int, part: int = 2, score: float = 0.9) -> Person:
    """A rectangle of one part whose left column is background; U = 0.5, V = 1."""
    labels = np.full((height, width), part, np.uint8)
    labels[:, 0] = 0
    uv = np.stack([np.full(labels.shape, 0.5, np.float32), np.ones(labels.shape, np.float32)]) * (labels > 0)
    box = np.array([left, top, left + width, top + height], np.float32)
    return Person(box, score, labels, uv.astype(np.float32), np.where(labels, 0.25, 0).astype(np.float32))


@pytest.fixture
def result() -> DensePoseResult:
    return DensePoseResult((person(2, 1, 4, 3), person(5, 2, 3, 4, part=24, score=0.4)), 8, 10, {"total": 12.34567})


def test_iuv_paints_people_at_their_place_best_on_top(result: DensePoseResult) -> None:
    iuv = result.iuv()
    assert iuv.shape == (8, 10, 3)
    assert iuv.dtype == np.uint8
    assert iuv[1, 2].tolist() == [0, 0, 0]
    assert iuv[1, 3].tolist() == [2, 128, 255]
    assert iuv[5, 7].tolist() == [24, 128, 255]
    assert (iuv[..., 0] == 2).sum() == 9
    assert (iuv[..., 0] == 24).sum() == 8


def test_instances_number_the_people(result: DensePoseResult) -> None:
    instances = result.instances()
    assert instances[2, 5] == 1
    assert instances[2, 6] == 2
    assert instances[0, 0] == 0


def test_best_person_stays_on_top_of_an_overlap() -> None:
    result = DensePoseResult((person(0, 0, 4, 2, part=1), person(1, 0, 4, 2, part=3)), 2, 5)
    np.testing.assert_array_equal(result.iuv()[0, :, 0], [0, 1, 1, 1, 3])
    np.testing.assert_array_equal(result.instances()[0], [0, 1, 1, 1, 2])


def test_sequence_and_filter(result: DensePoseResult) -> None:
    assert len(result) == 2
    assert [p.score for p in result] == [0.9, 0.4]
    assert result[1] is result.people[1]
    kept = result.filter(score=0.5)
    assert len(kept) == 1
    assert kept.timings == result.timings
    assert (kept.width, kept.height) == (10, 8)


def test_boxes_and_scores_of_nobody_keep_their_shape() -> None:
    empty = DensePoseResult((), 4, 6)
    assert empty.boxes.shape == (0, 4)
    assert empty.scores.shape == (0,)
    assert empty.iuv().shape == (4, 6, 3)
    assert not empty.iuv().any()
    assert repr(empty) == "DensePoseResult(0 people, 6 x 4 px)"


def test_results_travel_between_processes(result: DensePoseResult) -> None:
    for twin in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert twin.to_json() == result.to_json()
        np.testing.assert_array_equal(twin.iuv(), result.iuv())
    assert asdict(result)["timings"] == dict(result.timings)


def test_json_names_parts_and_counts_pixels(result: DensePoseResult) -> None:
    read = json.loads(result.to_json())
    assert read["width"] == 10
    assert read["height"] == 8
    assert read["timings_ms"] == {"total": 12.346}
    first = read["people"][0]
    assert first == {"box": [2, 1, 6, 4], "score": 0.9, "pixels": 9, "confidence": 0.25, "parts": {"torso front": 9}}


def test_repr_says_what_a_user_wants_to_know(result: DensePoseResult) -> None:
    assert repr(result) == "DensePoseResult(2 people, 10 x 8 px, 12.3 ms)"
    assert repr(result[0]) == "Person(score=0.90, box=(2, 1, 6, 4), 1 parts, 9 px)"


def test_maps_must_fit_the_box() -> None:
    good = person(0, 0, 4, 3)
    with pytest.raises(InputError, match="3 x 4 px"):
        Person(good.box, 0.5, good.part[:, :-1], good.uv, good.confidence)


def test_box_must_lie_in_the_picture() -> None:
    with pytest.raises(InputError, match="6 x 3 px picture"):
        DensePoseResult((person(4, 0, 3, 3),), 3, 6)
