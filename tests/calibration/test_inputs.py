"""Inputs of the graphs from pictures."""

from collections.abc import Iterator

import numpy as np
import pytest

from densepose_mobile.calibration.inputs import dense_inputs, detect_inputs, person_boxes, track_inputs
from densepose_mobile.postprocess.nms import box_iou
from densepose_mobile.spec import GraphSpec, ModelSpec

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8, roi_size=8, map_size=16)


class FakeDetect:
    """One person at location 10 of the finest level, boxes two strides each way."""

    spec: GraphSpec = SPEC.detect()

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        features, scores, boxes = (np.zeros(tensor.shape, np.float32) for tensor in self.spec.outputs)
        features += arrays[0].mean()
        scores -= 5
        scores[0, 10] = 3
        boxes += 2
        return features, scores, boxes


def _pictures() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for shape in ((50, 80), (64, 64), (90, 30)):
        yield rng.integers(0, 255, (*shape, 3), np.uint8)


def _shapes(graph: GraphSpec) -> list[tuple[int, ...]]:
    return [tensor.shape for tensor in graph.inputs]


def test_every_graph_gets_inputs_of_its_shapes() -> None:
    calls = {
        SPEC.detect(): list(detect_inputs(SPEC, _pictures())),
        SPEC.dense(1): list(dense_inputs(SPEC, _pictures(), FakeDetect(), 1)),
        SPEC.dense(4): list(dense_inputs(SPEC, _pictures(), FakeDetect(), 4)),
        SPEC.track(): list(track_inputs(SPEC, _pictures(), FakeDetect())),
    }
    assert [len(found) for found in calls.values()] == [3, 12, 3, 6]
    for graph, found in calls.items():
        for arrays in found:
            assert [array.shape for array in arrays] == _shapes(graph)
            assert all(array.dtype == np.float32 for array in arrays)


def test_batches_hold_the_same_rois() -> None:
    singles = list(dense_inputs(SPEC, _pictures(), FakeDetect(), 1, seed=5))
    fours = list(dense_inputs(SPEC, _pictures(), FakeDetect(), 4, seed=5))
    for i, (_, wy, wx) in enumerate(fours):
        np.testing.assert_array_equal(wy, np.concatenate([arrays[1] for arrays in singles[4 * i : 4 * i + 4]]))
        np.testing.assert_array_equal(wx, np.concatenate([arrays[2] for arrays in singles[4 * i : 4 * i + 4]]))
    with pytest.raises(ValueError, match="multiple"):
        next(dense_inputs(SPEC, _pictures(), FakeDetect(), 3))


def test_boxes_are_the_detections_then_jittered_copies() -> None:
    _, scores, distances = FakeDetect()(np.zeros(1, np.float32))
    boxes = person_boxes(SPEC, scores, distances, 3, np.random.default_rng(0))
    np.testing.assert_allclose(boxes[0], [34.0, -6.0, 50.0, 10.0])  # centre (42, 2), 2 strides of 4 px each way
    assert (box_iou(boxes[:1], boxes[1:]) > 0.5).all()
    assert len(np.unique(boxes, axis=0)) == 3


def test_a_picture_without_people_gives_boxes_all_the_same() -> None:
    _, scores, distances = FakeDetect()(np.zeros(1, np.float32))
    boxes = person_boxes(SPEC, scores - 20, distances, 2, np.random.default_rng(0))
    assert boxes.shape == (2, 4)
    assert (boxes[:, 2:] > boxes[:, :2]).all()
