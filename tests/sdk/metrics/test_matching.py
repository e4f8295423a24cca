import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from densepose_mobile.metrics.matching import covered_by, match_boxes
from densepose_mobile.postprocess import box_iou


@st.composite
def boxes(draw, most=6):
    corners = draw(hnp.arrays(np.float32, (draw(st.integers(0, most)), 4), elements=st.integers(0, 30).map(float)))
    corners[:, 2:] += corners[:, :2] + 1
    return corners


@given(boxes(), boxes())
def test_iou_is_symmetric(a, b):
    np.testing.assert_array_equal(box_iou(a, b), box_iou(b, a).T)


@given(boxes(), boxes(), st.floats(0.05, 0.95))
def test_matching_is_one_to_one_and_above_the_threshold(predicted, truth, least):
    pairs = match_boxes(predicted, truth, least)
    assert pairs.shape == (len(truth),)
    found = pairs[pairs >= 0]
    assert len(set(found.tolist())) == len(found)
    iou = box_iou(truth, predicted)
    assert all(iou[row, column] >= least for row, column in enumerate(pairs) if column >= 0)
    free = np.setdiff1d(np.arange(len(predicted)), found)
    assert not (iou[pairs < 0][:, free] >= least).any()  # nobody was left who could still be paired


@given(boxes())
def test_boxes_match_themselves_in_any_order(truth):
    truth = np.unique(truth, axis=0)
    order = np.random.default_rng(0).permutation(len(truth))
    np.testing.assert_array_equal(order[match_boxes(truth[order], truth)], np.arange(len(truth)))


def test_the_best_pair_goes_first():
    truth = np.array([[0, 0, 10, 10], [4, 0, 14, 10]], np.float32)
    predicted = np.array([[3, 0, 13, 10], [0, 0, 10, 11]], np.float32)
    assert match_boxes(predicted, truth, 0.5).tolist() == [1, 0]
    assert match_boxes(predicted[:1], truth, 0.5).tolist() == [-1, 0]


def test_coverage_is_the_fraction_of_the_prediction():
    predicted = np.array([[0, 0, 10, 10], [50, 50, 50, 60]], np.float32)
    regions = np.array([[5, 0, 100, 10]], np.float32)
    assert covered_by(predicted, regions).tolist() == [[pytest.approx(0.5)], [0]]
