"""Means over a picture and its mirror image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.parts import NUM_PARTS, mirror_iuv
from densepose_mobile.postprocess.decode import decode_boxes
from densepose_mobile.postprocess.mirror import mean_detections, mean_maps, mirror_input, mirror_weights
from densepose_mobile.postprocess.rois import roi_weights
from densepose_mobile.spec import ModelSpec

_SPEC = ModelSpec(detect_size=64, level_strides=(8, 16))


def test_mirrored_input_has_its_columns_turned() -> None:
    image = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(mirror_input(image)[0, 0], image[0, 0, ::-1])


@given(st.floats(-20, 60), st.floats(2, 60))
def test_mirrored_weights_pool_the_mirrored_roi(left: float, width: float) -> None:
    box, turned = np.array([[left, 5, left + width, 40]]), np.array([[64 - left - width, 5, 64 - left, 40]])
    wx = roi_weights(box, 16, 4, 7)[1]
    np.testing.assert_allclose(mirror_weights(wx), roi_weights(turned, 16, 4, 7)[1], atol=1e-5)


@given(st.integers(0, 10**6))
def test_boxes_of_the_mirror_image_mean_the_boxes_themselves(seed: int) -> None:
    """A detector that says the same of a mirrored picture, mirrored, is left as it is."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(1, _SPEC.num_locations, 1)).astype(np.float32)
    distances = (rng.integers(0, 13, (1, _SPEC.num_locations, 4)) / 4).astype(np.float32)  # exact in either order
    boxes = decode_boxes(distances[0], _SPEC)
    # The mirror image, found by where boxes lie rather than by rows.
    side = _SPEC.detect_size
    seen = {(side - x1, y0, side - x0, y1) for x0, y0, x1, y1 in boxes}
    turned = np.zeros_like(logits), np.zeros_like(distances)
    start = 0
    for stride in _SPEC.level_strides:
        cells = side // stride
        for array, given_ in zip(turned, (logits, distances), strict=True):
            level = given_[0, start : start + cells**2].reshape(cells, cells, -1)[:, ::-1]
            array[0, start : start + cells**2] = level.reshape(cells**2, -1)
        start += cells**2
    turned[1][..., [0, 2]] = turned[1][..., [2, 0]]
    assert {tuple(box) for box in decode_boxes(turned[1][0], _SPEC)} == seen
    mean = mean_detections((logits, distances), turned, _SPEC)
    np.testing.assert_allclose(mean[0], logits, atol=1e-6)
    np.testing.assert_allclose(mean[1], distances, atol=1e-6)


@given(st.integers(0, 10**6))
def test_maps_of_the_mirror_image_mean_the_maps_themselves(seed: int) -> None:
    """Labels mirrored as training data are (`mirror_iuv`), given as maps, come back as they were."""
    rng = np.random.default_rng(seed)
    part = rng.integers(1, NUM_PARTS + 1, (6, 6)).astype(np.uint8)
    uv = rng.uniform(0, 1, (2, 6, 6)).astype(np.float32)
    seen, seen_uv = mirror_iuv(part[:, ::-1], uv[:, :, ::-1])
    person = rng.normal(size=(1, 6, 6, 1)).astype(np.float32)
    maps = [_as_maps(person, part, uv), _as_maps(person[:, :, ::-1], seen, seen_uv)]
    foreground, parts, u, v, confidence = mean_maps(*maps)
    np.testing.assert_allclose(foreground, person, atol=1e-6)
    np.testing.assert_allclose(confidence, -person, atol=1e-6)
    np.testing.assert_array_equal(parts[0].argmax(-1) + 1, part)
    rows, columns = np.indices(part.shape)
    np.testing.assert_allclose(u[0, rows, columns, part - 1], uv[0], atol=1e-6)
    np.testing.assert_allclose(v[0, rows, columns, part - 1], uv[1], atol=1e-6)


def _as_maps(person: np.ndarray, part: np.ndarray, uv: np.ndarray) -> list[np.ndarray]:
    own = part[..., None] == np.arange(1, NUM_PARTS + 1)
    planes = (np.where(own, 5, -5), np.where(own, uv[0][..., None], 0.3), np.where(own, uv[1][..., None], 0.3))
    return [person, *(plane[None].astype(np.float32) for plane in planes), -person]
