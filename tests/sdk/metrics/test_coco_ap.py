import sys
from dataclasses import replace

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import TruthPerson, TruthPicture
from densepose_mobile.metrics.coco_ap import CocoJudge
from densepose_mobile.results import DensePoseResult, Person

SIZE = 200
KNEE = 13


class Paper:
    """A joint is where U is .25."""

    def geodesic(self, part_a, uv_a, part_b, uv_b):
        return np.zeros(len(part_a), np.float32)

    def keypoint_distance(self, keypoint, part, uv):
        return np.abs(uv[0] - 0.25)


def scene():
    """Two people of 100 x 50 px, one found exactly, one with half of the mask; and a crowd."""
    people, found = [], []
    for id, left in enumerate((0, 100)):
        mask = np.zeros((SIZE, SIZE), bool)
        mask[:100, left : left + 50] = True
        people.append(TruthPerson.from_mask(id, mask))
        part = np.ones((100, 50), np.uint8)
        part[id * 50 :, 1:49] = 1 - id
        box = np.array([left, 0, left + 50, 100], np.float32)
        found.append(
            Person(box, 0.9 - id / 10, part, np.zeros((2, 100, 50), np.float32), np.ones((100, 50), np.float32))
        )
    mask = np.zeros((SIZE, SIZE), bool)
    mask[120:] = True
    people.append(TruthPerson.from_mask(2, mask, crowd=True))
    return DensePoseResult(tuple(found), SIZE, SIZE), TruthPicture(5, "a.jpg", SIZE, SIZE, tuple(people))


def judge(*pairs):
    pytest.importorskip("pycocotools")
    collected = CocoJudge(Paper())
    for result, picture in pairs:
        collected.add(picture, result)
    return collected


def test_by_hand():
    judged = judge(scene())
    boxes = judged.precision("box")
    assert boxes["ap"] == boxes["ap50"] == boxes["ap_medium"] == pytest.approx(1)
    assert np.isnan(boxes["ap_large"])
    masks = judged.precision("mask")
    assert masks["ap50"] == pytest.approx(1)
    assert masks["ap75"] == pytest.approx(51 / 101, abs=1e-3)  # the second mask overlaps by .52


def test_keypoints_are_those_that_the_surface_implies():
    result, picture = scene()
    assert judge((result, picture)).kinds == ("box", "mask")
    part = np.full((100, 50), 10, np.uint8)  # left thigh
    u = np.tile(np.linspace(0, 0.5, 100, dtype=np.float32)[:, None], (1, 50))  # .25 half way down
    guess = replace(result.people[0], part=part, uv=np.stack([u, u]), confidence=np.ones((100, 50), np.float32))
    for y, ap in ((50, 1), (75, 0)):
        joints = np.zeros((17, 3), np.float32)
        joints[KNEE] = (25, y, 2)
        person = replace(picture.people[0], keypoints=joints)
        judged = judge((replace(result, people=(guess,)), replace(picture, people=(person,))))
        assert judged.kinds == ("box", "mask", "keypoints")
        assert judged.precision("keypoints")["ap"] == pytest.approx(ap)
        assert judged.precision("box")["ap"] == pytest.approx(1)


def test_who_lies_in_an_ignored_region_is_not_counted():
    result, picture = scene()
    alone = replace(picture, people=picture.people[1:])
    assert judge((result, alone)).precision("box")["ap"] == pytest.approx(0.5)  # a stranger scores best
    ignored = replace(alone, ignored=((0, 0, 50, 0, 50, 100, 0, 100),))
    assert judge((result, ignored)).precision("box")["ap"] == pytest.approx(1)


def test_nobody_found_and_nobody_to_find():
    result, picture = scene()
    assert judge((replace(result, people=()), picture)).precision("box")["ap"] == 0
    assert np.isnan(judge((replace(result, people=()), replace(picture, people=()))).precision("mask")["ap"])


def test_without_pycocotools(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(InputError, match=r"densepose-mobile\[eval\]"):
        CocoJudge(Paper())
