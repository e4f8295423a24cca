"""Which boxes become people."""

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.postprocess.detections import select_people
from densepose_mobile.spec import ModelSpec

SPEC = ModelSpec(detect_size=64, level_strides=(8,))
CONTENT = np.array([0, 16, 64, 48], np.float32)


def select(
    rows: dict[int, tuple[float, list[float]]], **options: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    logits = np.full(SPEC.num_locations, -9, np.float32)
    distances = np.zeros((SPEC.num_locations, 4), np.float32)
    for row, (logit, box) in rows.items():
        logits[row], distances[row] = logit, box
    arguments = {"score": 0.5, "iou": 0.5, "limit": 10} | options
    return select_people(logits, distances, SPEC, CONTENT, **arguments)  # type: ignore[arg-type]


def test_likely_boxes_come_best_first_and_clipped() -> None:
    boxes, scores = select({16: (1.0, [1, 1, 1, 1]), 22: (3.0, [1, 9, 9, 1]), 30: (-1.0, [1, 1, 1, 1])})
    np.testing.assert_allclose(scores, [1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-1))], atol=1e-6)
    np.testing.assert_array_equal(boxes, [[44, 16, 64, 28], [0, 16, 12, 28]])


def test_padding_holds_nobody() -> None:
    boxes, _ = select({0: (5.0, [1, 1, 1, 1])})
    assert boxes.shape == (0, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_numbers_are_no_people(bad: float) -> None:
    boxes, scores = select({16: (5.0, [bad, 0, 0, 0]), 18: (bad, [0, 0, 0, 0]), 22: (1.0, [1, 1, 1, 1])})
    assert len(boxes) == len(scores) == 1
    assert np.isfinite(boxes).all()


def test_overlaps_and_limit() -> None:
    three = {16: (3.0, [1, 1, 2, 1]), 17: (2.0, [2, 1, 1, 1]), 21: (1.0, [1, 1, 1, 1])}
    assert len(select(three)[0]) == 2
    assert len(select(three, limit=1)[0]) == 1
    assert len(select(three, iou=1.0)[0]) == 3
