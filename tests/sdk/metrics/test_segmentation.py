import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.segmentation import decode_rle, encode_rle, fill_polygons, segmentation_mask

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(MASKS, st.booleans())
def test_run_length_codes_round_trip(mask, compressed):
    code = encode_rle(mask, compressed=compressed)
    assert code["size"] == list(mask.shape)
    np.testing.assert_array_equal(decode_rle(code), mask)


def test_long_runs_round_trip():
    mask = np.zeros((3000, 2000), bool)
    mask[7, 11] = mask[2999, 1999] = True
    mask[:, 1000:1500] = True
    np.testing.assert_array_equal(decode_rle(encode_rle(mask)), mask)


def test_code_of_a_known_mask():
    mask = np.array([[0, 1, 1], [0, 0, 1]], bool)  # by columns: off 2, on 1, off 1, on 2
    assert encode_rle(mask, compressed=False) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert encode_rle(mask)["counts"] == "2111"  # the fourth is written as 2 - 1


@given(MASKS)
def test_compressed_codes_agree_with_pycocotools(mask):
    coco = pytest.importorskip("pycocotools.mask")
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encode_rle(mask)["counts"] == theirs["counts"].decode()
    np.testing.assert_array_equal(decode_rle(theirs), mask)


@pytest.mark.parametrize(
    "code",
    [
        {"size": [2, 3], "counts": [2, 1]},
        {"size": [2, 3], "counts": [8, -2]},
        {"size": [2, 3], "counts": "2111\x7f"},
        {"size": [2, 3], "counts": "R"},
        {"size": [2, 3]},
        {"counts": [6]},
        {"size": 6, "counts": [6]},
    ],
)
def test_broken_codes_are_named(code):
    with pytest.raises(InputError):
        decode_rle(code)


def test_polygons_hold_the_pixels_whose_centre_they_hold():
    mask = fill_polygons([[1.2, 1.2, 4.8, 1.2, 4.8, 3.3, 1.2, 3.3]], 5, 6)
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:5] = True
    np.testing.assert_array_equal(mask, expected)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
def test_whole_pixel_rectangles_are_exact(x, y, width, height):
    mask = fill_polygons([[x, y, x + width, y, x + width, y + height, x, y + height]], 30, 25)
    expected = np.zeros((30, 25), bool)
    expected[y : y + height, x : x + width] = True
    np.testing.assert_array_equal(mask, expected)


def test_polygons_of_one_person_are_united():
    square = [0, 0, 4, 0, 4, 4, 0, 4]
    assert segmentation_mask([square, square], 6, 6).sum() == 16


@pytest.mark.parametrize("segmentation", [None, 3, "abc", [[1, 2, 3]], [[1, 2, 3, 4]], [[1, 2, float("nan"), 4, 5, 6]]])
def test_other_segmentations_are_refused(segmentation):
    with pytest.raises(InputError):
        segmentation_mask(segmentation, 6, 6)


def test_code_of_another_size_is_refused():
    with pytest.raises(InputError, match="size"):
        segmentation_mask({"size": [2, 2], "counts": [4]}, 6, 6)
