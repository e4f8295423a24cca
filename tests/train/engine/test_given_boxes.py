from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from densepose_mobile.metrics import TruthPerson, TruthPicture
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.engine.given_boxes import look_at, true_boxes

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8)


class Filled:
    """Says that every crop is filled by the back of a torso, or shows nobody."""

    spec = SPEC

    def __init__(self, present: bool = True) -> None:
        self.present = present
        self.seen: list[Tensor] = []

    def track(self, image: Tensor) -> Mapping[str, Tensor]:
        self.seen.append(image)
        m = SPEC.map_size
        maps = {name: torch.zeros(1, 24, m, m) for name in ("parts", "u", "v")}
        maps["parts"][:, 0] = 5.0
        maps["u"] += 0.25
        maps["v"] += 0.75
        sure = torch.full((1, 1, m, m), 4.0 if self.present else -4.0)
        return {**maps, "foreground": sure, "confidence": sure}


def test_people_fill_the_boxes_that_are_given() -> None:
    rgb = np.full((120, 160, 3), 90, np.uint8)
    boxes = np.array([[10.4, 20.2, 60.7, 100.0], [100, 30, 158, 118]], np.float32)
    result = look_at(Filled(), rgb, boxes)
    assert [person.box.tolist() for person in result.people] == [[10, 20, 61, 100], [100, 30, 158, 118]]
    for person in result.people:
        assert (person.part == 1).all()
        np.testing.assert_allclose(person.uv[0], 0.25, atol=1e-5)
        np.testing.assert_allclose(person.uv[1], 0.75, atol=1e-5)


def test_the_crop_shows_the_middle_of_the_box() -> None:
    rgb = np.zeros((200, 200, 3), np.uint8)
    rgb[95:105, 45:55] = 255
    network = Filled()
    look_at(network, rgb, np.array([[30, 80, 70, 120]], np.float32))
    crop = network.seen[0][0, 0]
    rows, columns = (crop > 0).nonzero(as_tuple=True)
    assert float(rows.float().mean() + 0.5) == pytest.approx(48, abs=0.5)
    assert float(columns.float().mean() + 0.5) == pytest.approx(48, abs=0.5)


def test_nobody_is_left_out() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    assert not look_at(Filled(present=False), rgb, np.array([[4, 4, 60, 60]], np.float32)).people
    assert not look_at(Filled(), rgb, np.zeros((0, 4), np.float32)).people


def test_only_measured_people_are_looked_at() -> None:
    def person(index: int, size: int, crowd: bool = False) -> TruthPerson:
        mask = np.zeros((300, 300), bool)
        mask[10 : 10 + size, 20 : 20 + size] = True
        return TruthPerson.from_mask(index, mask, crowd=crowd)

    picture = TruthPicture(1, "a.jpg", 300, 300, (person(1, 40), person(2, 120), person(3, 200, crowd=True)))
    np.testing.assert_array_equal(true_boxes(picture), [[20, 10, 140, 130]])
