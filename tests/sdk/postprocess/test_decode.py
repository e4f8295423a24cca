"""Locations, boxes and scores of the detection levels."""

import numpy as np

from densepose_mobile.postprocess.decode import decode_boxes, locations, sigmoid
from densepose_mobile.spec import ModelSpec


def test_locations_are_cell_centres_level_by_level() -> None:
    spec = ModelSpec(detect_size=32, level_strides=(8, 16))
    centres, strides = locations(spec)
    assert len(centres) == len(strides) == spec.num_locations == 20
    np.testing.assert_array_equal(centres[:2], [[4, 4], [12, 4]])  # row-major: x runs first
    np.testing.assert_array_equal(centres[4], [4, 12])
    np.testing.assert_array_equal(centres[16], [8, 8])
    assert strides[15] == 8
    assert strides[16] == 16


def test_distances_are_in_strides_of_their_level() -> None:
    spec = ModelSpec(detect_size=32, level_strides=(8, 16))
    boxes = decode_boxes(np.tile([1.0, 0.0, 2.0, 0.5], (spec.num_locations, 1)), spec)
    np.testing.assert_array_equal(boxes[0], [-4, 4, 20, 8])
    np.testing.assert_array_equal(boxes[16], [-8, 8, 40, 16])


def test_sigmoid_survives_extreme_logits() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, 2.0, 1e4])), [0, 0.5, 0.8807971, 1], atol=1e-6)
