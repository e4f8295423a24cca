import sys
from dataclasses import replace

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import TruthPerson, TruthPicture
from densepose_mobile.metrics.coco_ap import CocoJudge
from densepose_mobile.results import DensePoseResult, Person

SIZE = 200


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
    collected = CocoJudge()
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


def test_nobody_found_and_nobody_to_find():
    result, picture = scene()
    assert judge((replace(result, people=()), picture)).precision("box")["ap"] == 0
    assert np.isnan(judge((replace(result, people=()), replace(picture, people=()))).precision("mask")["ap"])


def test_without_pycocotools(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(InputError, match=r"densepose-mobile\[eval\]"):
        CocoJudge()
