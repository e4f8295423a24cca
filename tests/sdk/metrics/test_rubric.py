import json
from pathlib import Path

import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.rubric import QUESTIONS, blank_judgements, read_judgements, summarise_judgements

ROOT = Path(__file__).resolve().parents[3]


def write(tmp_path, **photos):
    content = blank_judgements(list(photos))
    for name, entry in photos.items():
        content["photos"][name] |= entry
    path = tmp_path / "judgements.json"
    path.write_text(json.dumps(content))
    return path


def test_grades_add_up(tmp_path):
    good = {"people": 2, "people_found": 2, **dict.fromkeys(QUESTIONS, 2), "left_right": 1}
    bad = {"people": 3, "people_found": 1, **dict.fromkeys(QUESTIONS, 0), "smooth_uv": None}
    got = summarise_judgements(read_judgements(write(tmp_path, a=good, b=bad, c={})))
    assert (got.photos, got.judged, got.people, got.people_found, got.passed) == (3, 2, 5, 3, 1)
    assert got.share == {"found": 0.5, "silhouette": 0.5, "limb_parts": 0.5, "left_right": 0.25, "smooth_uv": 1}


def test_everything_blank_is_nothing(tmp_path):
    got = summarise_judgements(read_judgements(write(tmp_path, a={})))
    assert got.judged == got.passed == 0
    assert set(got.share.values()) == {None}


@pytest.mark.parametrize(("change", "match"), [({"found": 3}, "found"), ({"people": 1, "people_found": 2}, "2 of 1")])
def test_impossible_entries_are_named(tmp_path, change, match):
    with pytest.raises(InputError, match=match):
        read_judgements(write(tmp_path, a=change))


def test_missing_keys_are_named(tmp_path):
    path = write(tmp_path, a={})
    content = json.loads(path.read_text())
    del content["photos"]["a"]["silhouette"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="silhouette"):
        read_judgements(path)


def test_the_committed_judgements_are_sound():
    photos = read_judgements(ROOT / "results" / "people_photos.json")
    assert len(photos) == 31


def test_the_rubric_explains_every_question():
    text = (ROOT / "docs" / "rubric.md").read_text()
    assert all(f"`{key}`" in text for key in QUESTIONS)
