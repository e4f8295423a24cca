import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.records import PersonTruth, Picture, decode, encode


def _picture(seed: int, height: int, width: int, cover: float) -> Picture:
    rng = np.random.default_rng(seed)
    instance = (rng.random((height, width)) < cover).astype(np.uint8) * rng.integers(1, 5, dtype=np.uint8)
    face = np.where(instance > 0, rng.integers(0, 4_000_000, (height, width)), -1).astype(np.int32)
    barycentric = rng.integers(0, 16, (height, width, 2)).astype(np.uint8)
    barycentric[instance == 0] = 0
    person = PersonTruth(
        1,
        "valid",
        "someone",
        np.array([1, 2, 3, 4], np.float32),
        np.array([-1, 2, 30, 4], np.float32),
        rng.integers(0, 9, (17, 3)).astype(np.float32),
        7,
    )
    image = np.full((height, width, 3), (200, 100, 50), np.uint8)
    return Picture("000001", image, face, barycentric, instance, (person,), {"fov": 1.5})


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.0, 0.4, 1.0]))
def test_truth_survives_coding(seed: int, height: int, width: int, cover: float) -> None:
    picture = _picture(seed, height, width, cover)
    back = decode({"__key__": picture.key, **encode(picture)})
    np.testing.assert_array_equal(back.face, picture.face)
    np.testing.assert_array_equal(back.barycentric, picture.barycentric)
    np.testing.assert_array_equal(back.instance, picture.instance)
    np.testing.assert_array_equal(back.people[0].keypoints, picture.people[0].keypoints)
    np.testing.assert_array_equal(back.people[0].full_box, picture.people[0].full_box)
    assert back.meta == picture.meta
    assert back.key == picture.key


def test_channels_keep_their_order() -> None:
    back = decode(encode(_picture(0, 16, 16, 0.5)))
    assert np.abs(back.image.astype(int) - (200, 100, 50)).max() < 8


@pytest.mark.parametrize("member", ["jpg", "truth", "json"])
def test_missing_or_damaged_member_is_named(member: str) -> None:
    sample = encode(_picture(0, 8, 8, 0.5))
    with pytest.raises(InputError, match="render"):
        decode({**sample, member: b"nonsense"})
    del sample[member]
    with pytest.raises(InputError, match=member):
        decode({"__key__": "k", **sample})
