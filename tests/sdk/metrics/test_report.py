import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import EvaluationOptions, PictureScore, compare, evaluate, summarise
from densepose_mobile.metrics.bootstrap import interval, ratio_samples
from densepose_mobile.metrics.truth import TruthPerson, TruthPicture
from densepose_mobile.results import DensePoseResult, Person


def scores(values, below=None, name="mask_iou"):
    below = np.ones(len(values)) if below is None else below
    return [
        PictureScore(f"{i}.jpg", {"recall": (1, 1), name: (float(v), float(n))})
        for i, (v, n) in enumerate(zip(values, below, strict=True))
    ]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 5))
def test_interval_contains_the_mean(values, seed):
    measure = summarise(scores(values), seed=seed, resamples=400)["mask_iou"]
    assert measure.value == pytest.approx(np.mean(values), abs=1e-9)
    assert measure.low - 1e-9 <= measure.value <= measure.high + 1e-9
    assert min(values) - 1e-9 <= measure.low <= measure.high <= max(values) + 1e-9


def test_interval_has_the_width_that_theory_says():
    values = np.random.default_rng(0).normal(size=400)
    low, high = interval(ratio_samples(values[:, None], np.ones((400, 1)), seed=1, resamples=4000))[:, 0]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


def test_measures_are_ratios_of_sums_and_not_means_of_ratios():
    measure = summarise(scores([3, 0], [3, 1]))["mask_iou"]
    assert measure.value == 0.75
    assert measure.count == 4
    assert (measure.low, measure.high) == (0, 1)


def test_same_seed_same_interval():
    values = np.random.default_rng(0).random(20)
    assert summarise(scores(values), seed=3) == summarise(scores(values), seed=3)
    assert summarise(scores(values), seed=3)["mask_iou"] != summarise(scores(values), seed=4)["mask_iou"]


def test_what_nothing_counts_for_is_left_out():
    report = summarise(scores([0, 0], [0, 0], "swap_rate"))
    assert set(report.measures) == {"recall"}
    with pytest.raises(InputError):
        summarise([])


def test_paired_comparison_is_narrower_than_the_two_apart():
    base = np.random.default_rng(0).random(30)
    better = list(scores(base * 0.9 + 0.1))
    difference = compare(better, scores(base)[::-1])["mask_iou"]
    assert difference.value == pytest.approx(np.mean(0.1 - 0.1 * base))
    assert difference.significant
    alone = summarise(scores(base))["mask_iou"]
    assert difference.high - difference.low < (alone.high - alone.low) / 3
    same = compare(scores(base), scores(base))["mask_iou"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert not same.significant


def test_comparison_needs_the_same_pictures():
    with pytest.raises(InputError, match=r"2\.jpg"):
        compare(scores([1, 2, 3]), scores([1, 2]))


def test_scores_survive_json():
    score = scores([0.25])[0]
    again = PictureScore.from_json(json.loads(json.dumps(score.to_json())))
    assert (again.file_name, dict(again.sums)) == (score.file_name, dict(score.sums))
    with pytest.raises(InputError):
        PictureScore.from_json({"sums": 3})


def test_report_of_a_perfect_prediction_is_plain_json(atlas):
    from densepose_mobile.metrics.truth import SurfacePoints

    part = np.full((20, 10), 2, np.uint8)
    uv = np.full((2, 20, 10), 0.25, np.float32)
    person = Person(np.array([5, 5, 15, 25], np.float32), 0.9, part, uv, np.ones((20, 10), np.float32))
    mask = np.zeros((40, 40), bool)
    mask[5:25, 5:15] = True
    points = SurfacePoints(
        np.array([[6.5, 6.5], [14.9, 24.9]], np.float32), np.array([2, 2], np.uint8), np.full((2, 2), 0.25, np.float32)
    )
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[5] = (10, 10, 2)
    truth = TruthPicture(1, "a.jpg", 40, 40, (TruthPerson.from_mask(1, mask, points=points, keypoints=keypoints),))
    report = evaluate(
        [DensePoseResult((person,), 40, 40)], [truth], atlas, EvaluationOptions(min_box_area=0), resamples=50
    )
    for name in ("recall", "mask_iou", "keypoint_agreement", "keypoint_gps", "gps", "gpsm", "ap_gps", "ar_gpsm"):
        assert report[name].value == pytest.approx(1), name
    assert report["point_error_cm"].value == report["false_positives"].value == 0
    assert report.point_confidence.ece == pytest.approx(0)
    content = json.loads(json.dumps(report.to_json()))
    assert content["people"] == 1
    assert content["measures"]["gps"] == {"value": 1.0, "low": 1.0, "high": 1.0, "count": 1.0}
