import math

import pytest
import torch

from densepose_mobile.train.data.targets import UNKNOWN, UNKNOWN_PART
from densepose_mobile.train.losses.branches import keypoint_loss, mask_loss
from densepose_mobile.train.losses.dense import DenseTarget


def test_keypoints_are_classified_among_the_cells() -> None:
    keypoints = torch.zeros(1, 17, 3)
    keypoints[0, 0] = torch.tensor([13.0, 6.0, 2.0])  # of 16 cells: column 6, row 3 of 8
    keypoints[0, 1] = torch.tensor([13.0, 6.0, 0.0])
    keypoints[0, 2] = torch.tensor([16.0, 6.0, 2.0])  # beyond
    heatmaps = torch.zeros(1, 17, 8, 8)
    assert keypoint_loss(heatmaps, keypoints, 16).item() == pytest.approx(math.log(64), abs=1e-5)
    heatmaps[0, 0, 3, 6] = 20.0
    assert keypoint_loss(heatmaps, keypoints, 16).item() < 1e-4
    keypoints[0, 3] = torch.tensor([0.0, 0.0, 1.0])  # a hidden one counts as a seen one
    assert keypoint_loss(heatmaps, keypoints, 16).item() == pytest.approx(math.log(64) / 2, abs=1e-4)


def test_no_keypoints_no_loss() -> None:
    heatmaps = torch.randn(2, 17, 8, 8, requires_grad=True)
    loss = keypoint_loss(heatmaps, torch.zeros(2, 17, 3), 16)
    loss.backward()
    assert loss.item() == 0
    assert heatmaps.grad is not None


def test_mask_is_the_share_of_known_cells() -> None:
    part = torch.zeros(1, 4, 4, dtype=torch.long)
    part[0, :2, :2] = 5
    part[0, 0, 2:], part[0, 1, 2] = UNKNOWN, UNKNOWN_PART  # half of the cell unknown, a quarter a person
    part[0, 2:, 2:] = UNKNOWN
    target = DenseTarget(part, torch.zeros(1, 2, 4, 4))
    mask = torch.zeros(1, 1, 2, 2, requires_grad=True)
    loss = mask_loss(mask, target)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2), abs=1e-5)
    assert mask.grad is not None
    gradient = mask.grad[0, 0]
    assert gradient[0, 0] < 0 < gradient[1, 0]
    assert gradient[0, 1].item() == pytest.approx(0)  # of what is known there half is the person
    assert gradient[1, 1].item() == 0
