import cv2
import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import as_rgb

PICTURE = np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_channel_orders() -> None:
    assert as_rgb(PICTURE) is PICTURE
    np.testing.assert_array_equal(as_rgb(PICTURE[..., ::-1], "bgr"), PICTURE)
    opaque = np.full((6, 8, 1), 255, np.uint8)
    np.testing.assert_array_equal(as_rgb(np.concatenate([PICTURE, opaque], 2), "rgba"), PICTURE)
    np.testing.assert_array_equal(as_rgb(np.concatenate([PICTURE[..., ::-1], opaque], 2), "bgra"), PICTURE)
    grey = as_rgb(PICTURE[..., 0], "gray")
    np.testing.assert_array_equal(grey, np.repeat(PICTURE[..., :1], 3, 2))
    np.testing.assert_array_equal(as_rgb(PICTURE[..., :1], "gray"), grey)


def test_alpha_is_blended_on_white() -> None:
    pixels = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 128]]], np.uint8)
    np.testing.assert_allclose(as_rgb(pixels, "rgba")[0], [[200, 100, 0], [255, 255, 255], [227, 177, 127]], atol=1)


def test_nv21() -> None:
    """BT.601 studio range, as Android's camera gives it: V before U."""
    flat = np.full((4, 4, 3), (180, 60, 30), np.uint8)
    i420 = cv2.cvtColor(flat, cv2.COLOR_RGB2YUV_I420)
    u, v = i420[4].reshape(-1), i420[5].reshape(-1)
    interleaved = np.stack([v, u], -1).reshape(2, 4)
    rgb = as_rgb(np.concatenate([i420[:4], interleaved]), "nv21")
    assert rgb.shape == (4, 4, 3)
    np.testing.assert_allclose(rgb.astype(int), flat, atol=4)


@pytest.mark.parametrize(("rotation", "turns"), [(0, 0), (90, -1), (180, 2), (270, 1)])
def test_rotation_is_clockwise(rotation: int, turns: int) -> None:
    np.testing.assert_array_equal(as_rgb(PICTURE, rotation=rotation), np.rot90(PICTURE, turns))


@pytest.mark.parametrize(
    ("array", "color", "word"),
    [
        (PICTURE.astype(np.float32), "rgb", "multiply"),
        (PICTURE.astype(np.uint16), "rgb", "right by 8"),
        (PICTURE > 8, "rgb", "multiply by 255"),
        (PICTURE.astype(np.int64), "rgb", ": convert with"),
        (PICTURE[..., 0], "rgb", 'color="gray"'),
        (np.zeros((6, 8, 4), np.uint8), "rgb", 'color="rgba"'),
        (PICTURE, "rgba", 'color="rgb"'),
        (PICTURE.transpose(2, 0, 1), "rgb", "channels first"),
        (PICTURE[None], "bgr", "one picture at a time"),
        (PICTURE, "gray", "expects uint8 (H, W)"),
        (PICTURE[:5, :, 0], "nv21", "3 H / 2"),
        (PICTURE[:0], "rgb", "empty"),
        ([[1, 2, 3]], "rgb", "numpy array"),
        (PICTURE, "yuv", "unknown"),
    ],
)
def test_mistakes_are_named(array: np.ndarray, color: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        as_rgb(array, color)
    assert word in str(caught.value)
    if isinstance(array, np.ndarray) and color != "yuv":
        assert str(array.shape) in str(caught.value)


def test_rotation_is_checked() -> None:
    with pytest.raises(InputError, match="45"):
        as_rgb(PICTURE, rotation=45)
