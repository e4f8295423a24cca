import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import Letterbox, crop_input, network_input

sides = st.integers(1, 5000)


def ramp(height: int, width: int) -> np.ndarray:
    """A picture whose red is proportional to x and green to y, so that each pixel says where it is."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x / width * 255, y / height * 255, np.full_like(x, 90)], -1).round().astype(np.uint8)


def blobs(height: int, width: int, centres: np.ndarray, sigma: float) -> np.ndarray:
    """White Gaussian blobs on black at centres (N, 2) px."""
    y, x = np.mgrid[:height, :width] + 0.5
    light = sum(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for cx, cy in centres)
    return np.repeat((255 * np.minimum(light, 1)).round().astype(np.uint8)[..., None], 3, 2)


@given(sides, sides, st.sampled_from([64, 192, 320]))
def test_points_return(width: int, height: int, size: int) -> None:
    letterbox = Letterbox.fit(width, height, size)
    points = np.array([[0, 0], [width, height], [width / 3, height / 7]], np.float32)
    there = letterbox.to_network(points)
    np.testing.assert_allclose(letterbox.from_network(there), points, rtol=1e-4, atol=1e-3 * max(width, height))
    assert there.min() >= 0
    assert there.max() <= size + 1e-3
    span = there[1] - there[0]
    assert span.max() == pytest.approx(size, abs=1e-2)
    assert np.abs(there[0] + there[1] - size).max() <= 2 + 1e-3  # centred to the whole pixel


@given(
    st.floats(-500, 3000),
    st.floats(-500, 3000),
    st.floats(1, 3000),
    st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4),
)
def test_window_boxes_return(x0: float, y0: float, side: float, box: list[float]) -> None:
    letterbox = Letterbox.window((x0, y0, x0 + side, y0 + side), 192)
    np.testing.assert_allclose(letterbox.to_network([x0, y0, x0 + side, y0 + side]), [0, 0, 192, 192], atol=1e-2)
    there = letterbox.to_network(np.array(box))
    np.testing.assert_allclose(letterbox.from_network(there), box, rtol=1e-3, atol=1e-3 * side + 1e-3)


def test_a_picture_of_the_right_size_is_untouched() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    network, letterbox = network_input(rgb, 320)
    assert network.shape == (1, 320, 320, 3)
    assert network.dtype == np.float32
    np.testing.assert_array_equal((network[0] * 127.5 + 127.5).round().astype(np.uint8), rgb)
    assert letterbox.scale == 1.0


@pytest.mark.parametrize(
    ("height", "width"), [(480, 640), (641, 479), (1031, 777), (100, 60), (333, 1000), (2000, 1999)]
)
def test_pixels_lie_where_the_mapping_says(height: int, width: int) -> None:
    sigma = max(3.0, 3.0 * max(height, width) / 320)
    centres = np.array([[0.25, 0.25], [0.75, 0.27], [0.31, 0.77], [0.7, 0.68]]) * [width, height]
    network, letterbox = network_input(blobs(height, width, centres, sigma), 320)
    light = network[0, ..., 0] * 127.5 + 127.5
    y, x = np.mgrid[:320, :320] + 0.5
    for expected in letterbox.to_network(centres):
        near = np.hypot(x - expected[0], y - expected[1]) < 4 * sigma * letterbox.scale
        weight = light * near
        found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert np.abs(found - expected).max() < 0.05
    network, letterbox = network_input(ramp(height, width), 320)
    corners = letterbox.to_network([0.0, 0.0, width, height]).round().astype(int)
    assert not network[0, : corners[1]].any()
    assert not network[0, :, corners[2] :].any()
    blue = network[0, corners[1] : corners[3], corners[0] : corners[2], 2]
    np.testing.assert_allclose(blue, (90 - 127.5) / 127.5, atol=1e-5)  # no rim where the picture ends


@settings(max_examples=60)
@given(st.floats(-80, 250), st.floats(-80, 250), st.floats(20, 700))
def test_crops_lie_where_the_mapping_says(x0: float, y0: float, side: float) -> None:
    height = width = 255
    network, letterbox = crop_input(ramp(height, width), (x0, y0, x0 + side, y0 + side), 64)
    centres = np.stack(np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5), -1)
    source = letterbox.from_network(centres)
    margin = 1.5 / min(letterbox.scale, 1)
    inside = ((source > margin) & (source < 255 - margin)).all(-1)
    seen = network[0, ..., :2] * 127.5 + 127.5
    assert np.abs(seen - source)[inside].max(initial=0) < 1.1 + 0.05 / letterbox.scale
    outside = ((source < -margin) | (source > 255 + margin)).any(-1)
    assert not network[0][outside].any()


def test_fine_stripes_turn_grey_when_shrunk() -> None:
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    network, _ = network_input(stripes, 320)
    assert np.abs(network).max() < 0.25
    network, _ = crop_input(stripes, (101.3, 50.7, 1301.3, 1250.7), 192)
    assert np.abs(network).max() < 0.25


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 3)])
def test_slivers_work(shape: tuple[int, int]) -> None:
    network, letterbox = network_input(np.full((*shape, 3), 255, np.uint8), 320)
    assert network.max() == pytest.approx(1.0)
    assert np.isfinite(network).all()
    assert letterbox.scale == 320 / max(shape)


def test_a_window_beside_the_picture_is_all_padding() -> None:
    network, _ = crop_input(ramp(50, 50), (200, 200, 260, 260), 32)
    assert not network.any()


@pytest.mark.parametrize("square", [(0, 0, 10, 20), (5, 5, 5, 5), (0, 0, -4, -4), (0, 0, np.nan, 4), (1, 2, 3)])
def test_squares_are_checked(square: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="square"):
        crop_input(ramp(50, 50), square, 32)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), None])
def test_pictures_are_checked(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="uint8"):
        network_input(bad, 32)
