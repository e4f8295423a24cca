"""Anchor-free person detector on strides 8, 16, 32: one score and four distances a location.

Tian et al., FCOS, ICCV 2019; the quality of the box is folded into the score (Li et al., Generalized Focal Loss,
NeurIPS 2020), so that there is no separate centre-ness output.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.train.models.layers import Separable, init_layers

__all__ = ["DetectionHead"]

_PRIOR = 0.01  # probability of a person that a fresh head gives every location
_START_DISTANCE = 3.0  # strides, box side / 2 that a fresh head predicts


class DetectionHead(nn.Module):
    """Towers shared by the levels; separate output convolutions, so that score and box are quantised apart."""

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.score_tower = nn.Sequential(Separable(channels, channels), Separable(channels, channels))
        self.box_tower = nn.Sequential(Separable(channels, channels), Separable(channels, channels))
        self.score = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in range(levels))
        self.box = nn.ModuleList(nn.Conv2d(channels, 4, 1) for _ in range(levels))
        init_layers(self)
        for score, box in zip(self.score, self.box, strict=True):
            assert isinstance(score, nn.Conv2d)
            assert isinstance(box, nn.Conv2d)
            for layer, bias in ((score, -math.log((1 - _PRIOR) / _PRIOR)), (box, _START_DISTANCE)):
                nn.init.normal_(layer.weight, std=0.01)
                assert layer.bias is not None
                nn.init.constant_(layer.bias, bias)

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Levels (B, C, H, W), finest first -> score logits (B, L, 1), distances ltrb in strides (B, L, 4)."""
        scores, boxes = [], []
        for i, level in enumerate(levels):
            batch = level.shape[0]
            score = self.score[i](self.score_tower(level))
            box = functional.relu(self.box[i](self.box_tower(level)))
            scores.append(score.permute(0, 2, 3, 1).reshape(batch, -1, 1))
            boxes.append(box.permute(0, 2, 3, 1).reshape(batch, -1, 4))
        return torch.cat(scores, 1), torch.cat(boxes, 1)
