"""Suppression of overlapping boxes."""

import cv2
import numpy as np

from densepose_mobile.postprocess.nms import box_iou, nms


def test_iou_of_known_pairs() -> None:
    a = np.array([[0, 0, 2, 2], [0, 0, 0, 0]])
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]])
    np.testing.assert_allclose(box_iou(a, b), [[1 / 7, 1, 0], [0, 0, 0]], atol=1e-6)


def test_best_box_suppresses_its_neighbours_only() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]])
    np.testing.assert_array_equal(nms(boxes, np.array([0.6, 0.9, 0.7]), 0.5, 10), [1, 2])


def test_limit_and_empty() -> None:
    boxes = np.array([[0, 0, 1, 1], [2, 0, 3, 1], [4, 0, 5, 1]])
    np.testing.assert_array_equal(nms(boxes, np.array([0.1, 0.3, 0.2]), 0.5, 2), [1, 2])
    assert nms(np.zeros((0, 4)), np.zeros(0), 0.5, 5).shape == (0,)


def test_agrees_with_opencv() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 200, (300, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 90, (300, 2))], axis=1)
    scores = rng.permutation(300) / 300 + 1e-3
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    np.testing.assert_array_equal(nms(boxes, scores, 0.4, 300), cv2.dnn.NMSBoxes(sizes, scores, 0.0, 0.4))
