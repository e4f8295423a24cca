import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import TruthPicture
from densepose_mobile.metrics.challenge import challenge_entries, read_challenge
from densepose_mobile.results import DensePoseResult, Person

HEIGHT, WIDTH = 40, 60


def someone(rng, box, score):
    left, top, right, bottom = box
    part = rng.integers(0, 25, (bottom - top, right - left)).astype(np.uint8)
    part[0, 0] = 1
    uv = rng.random((2, *part.shape)).astype(np.float32) * (part > 0)
    return Person(np.array(box, np.float32), score, part, uv, np.ones(part.shape, np.float32))


def picture(id):
    return TruthPicture(id, f"{id}.jpg", HEIGHT, WIDTH, ())


def write(tmp_path, entries):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(entries))
    return path


@given(st.integers(0, 1000))
def test_results_survive(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    people = [someone(rng, (3, 4, 3 + rng.integers(1, 20), 4 + rng.integers(1, 20)), s) for s in (0.9, 0.25)]
    entries = challenge_entries(7, DensePoseResult(tuple(people), HEIGHT, WIDTH))
    path = write(tmp_path_factory.mktemp("results"), [*entries[::-1], {**entries[0], "image_id": 99}])
    results = read_challenge(path, [picture(7), picture(8)])
    assert len(results[8]) == 0
    for before, after in zip(people, results[7], strict=True):
        assert after.box.tolist() == before.box.tolist()
        assert after.score == pytest.approx(before.score)
        np.testing.assert_array_equal(after.part, before.part)
        np.testing.assert_allclose(after.uv, before.uv, atol=0.5 / 255 + 1e-6)


def test_boxes_are_cut_off_at_the_picture(tmp_path):
    person = someone(np.random.default_rng(0), (0, 0, 20, 10), 0.5)
    (entry,) = challenge_entries(1, DensePoseResult((person,), HEIGHT, WIDTH))
    (corner,) = read_challenge(write(tmp_path, [{**entry, "bbox": [-4.4, 34.6, 20, 10]}]), [picture(1)])[1]
    assert corner.box.tolist() == [0, 35, 16, 40]
    np.testing.assert_array_equal(corner.part, person.part[:5, 4:])
    outside = read_challenge(write(tmp_path, [{**entry, "bbox": [200, 0, 20, 10]}]), [picture(1)])[1]
    assert len(outside) == 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"uv_data": "AAAA"}, "detection 0: uv_data is no PNG"),
        ({"uv_data": "no base64!"}, "detection 0"),
        ({"uv_shape": [3, 9, 9]}, "uv_shape says"),
        ({"bbox": None}, "detection 0"),
        ({"score": None}, "detection 0"),
    ],
)
def test_broken_entries_are_named(tmp_path, change, match):
    person = someone(np.random.default_rng(0), (0, 0, 20, 10), 0.5)
    (entry,) = challenge_entries(1, DensePoseResult((person,), HEIGHT, WIDTH))
    with pytest.raises(InputError, match=match):
        read_challenge(write(tmp_path, [entry | change]), [picture(1)])
    wrong = replace(person, part=np.full_like(person.part, 25))
    with pytest.raises(InputError, match="part 25"):
        read_challenge(write(tmp_path, challenge_entries(1, DensePoseResult((wrong,), HEIGHT, WIDTH))), [picture(1)])


def test_what_is_no_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="no list"):
        read_challenge(write(tmp_path, {"a": 1}), [])
    with pytest.raises(InputError, match=r"nothing\.json"):
        read_challenge(tmp_path / "nothing.json", [])
