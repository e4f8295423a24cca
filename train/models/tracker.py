"""Presence and refined box of the person in a crop, from the deepest features."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.train.models.backbone import ConvAct
from densepose_mobile.train.models.layers import downsample, init_layers

__all__ = ["TrackHead"]

_COARSEST = 3  # cells a side that keep the place of the body in the crop


class TrackHead(nn.Module):
    """Stride-32 backbone features of a crop -> presence logit and box in crop units.

    side: cells of those features; an even number of at least six is halved before the places are told apart.
    """

    def __init__(self, inputs: int, side: int, width: int = 64) -> None:
        super().__init__()
        if side < _COARSEST:
            raise ValueError(f"the crop must give at least {_COARSEST} cells at stride 32, not {side}")
        self.side = side
        self.halved = side % 2 == 0 and side >= 2 * _COARSEST
        self.reduce = ConvAct(inputs, width, 1)
        self.gather = nn.Conv2d(width, width, side // 2 if self.halved else side)
        self.presence = nn.Conv2d(width, 1, 1)
        self.box = nn.Conv2d(width, 4, 1)
        init_layers(self)
        for layer in (self.presence, self.box):
            nn.init.normal_(layer.weight, std=0.01)
        assert self.box.bias is not None
        with torch.no_grad():
            self.box.bias.copy_(torch.tensor([0.2, 0.1, 0.8, 0.9]))

    def forward(self, deepest: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, side, side) -> presence logit (B, 1), box x0, y0, x1, y1 in crop units (B, 4)."""
        if deepest.shape[-1] != self.side:
            raise ValueError(f"crops of {self.side} cells at stride 32 were expected, not of {deepest.shape[-1]}")
        x = self.reduce(deepest)
        if self.halved:
            x = downsample(x)
        x = functional.relu6(self.gather(x))
        return self.presence(x).flatten(1), self.box(x).flatten(1)
