"""Anchor-free person detector at stride 4: one score and four distances a location.

Zhou et al., Objects as Points, 2019. MoveNet's heads for the centres and boxes of many people are trained on: a score
that is high at a person's centre, the sides of the box there, and where within the cell the centre lies. Other than
there, each location of the middle answers for a box of its own, and the quality of that box is folded into the score
(Li et al., Generalized Focal Loss, NeurIPS 2020).
"""

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.train.models.keypoints import KeypointNet, SeparableRelu, keypoint_head

__all__ = ["DetectionHead"]

_PRIOR: Final = 0.01  # probability of a person that a fresh head gives every location
_START_DISTANCE: Final = 8.0  # strides, box side / 2 that a fresh head predicts
_HALVES: Final = torch.tensor([[0, 0.5], [0.5, 0], [0, 0.5], [0.5, 0]])
_SHIFTS: Final = torch.tensor([[0, -1.0], [-1, 0], [0, 1], [1, 0]])
"""Left, top, right, bottom of the box's height and width, and of the centre's distance y, x from the cell's own."""


class DetectionHead(nn.Module):
    """Separate convolutions for score and box, so that they are quantised apart."""

    def __init__(self) -> None:
        super().__init__()
        self.score = keypoint_head(1)
        self.sides = keypoint_head(4)
        self.shift = keypoint_head(4)
        for head, bias in ((self.score, -math.log((1 - _PRIOR) / _PRIOR)), (self.sides, _START_DISTANCE)):
            last = _last(head)
            nn.init.normal_(last.weight, std=0.01)
            assert last.bias is not None
            nn.init.constant_(last.bias, bias)

    def forward(self, joints: Tensor) -> tuple[Tensor, Tensor]:
        """Of `KeypointPyramid` (B, C, H, W) -> score logits (B, H W, 1), distances ltrb in strides (B, H W, 4)."""
        score = self.score(joints)
        box = functional.relu(self.sides(joints) + self.shift(joints))
        batch = len(joints)
        return score.permute(0, 2, 3, 1).reshape(batch, -1, 1), box.permute(0, 2, 3, 1).reshape(batch, -1, 4)

    def begin_from(self, net: KeypointNet) -> None:
        """Start from the heads of a network that was pretrained on pictures of many people."""
        self.score.load_state_dict(net.heads["center_0"].state_dict())
        for ours, name, turn, middle in (
            (self.sides, "box_scale_0", _HALVES, 0.0),
            (self.shift, "box_offset_0", _SHIFTS, 0.5),  # a location stands in the middle of its cell
        ):
            theirs = net.heads[name]
            assert isinstance(theirs, nn.Sequential)
            reader, (last, wanted) = theirs[0], (_last(theirs), _last(ours))
            assert isinstance(reader, SeparableRelu)
            ours[0].load_state_dict(reader.state_dict())
            assert last.bias is not None
            assert wanted.bias is not None
            with torch.no_grad():
                wanted.weight.copy_((turn @ last.weight.flatten(1))[..., None, None])
                wanted.bias.copy_(turn @ (last.bias - middle))

    def shift_score(self, logits: float) -> None:
        """Add to the logits of all scores, for good."""
        bias = _last(self.score).bias
        assert bias is not None
        with torch.no_grad():
            bias.add_(logits)


def _last(head: nn.Sequential) -> nn.Conv2d:
    last = head[-1]
    assert isinstance(last, nn.Conv2d)
    return last
