"""The dense head: pooled RoI -> foreground, part, surface coordinate and confidence of every cell.

After DensePose-RCNN (Güler et al., CVPR 2018), at a mobile budget: one dense convolution, large separable kernels at
28 and 14 cells for the context that tells left from right, outputs at 56 cells.
"""

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.spec import MAP_OUTPUTS
from densepose_mobile.train.models.backbone import ConvAct
from densepose_mobile.train.models.layers import ResidualSeparable, Separable, downsample, init_layers, upsample

__all__ = ["DenseHead"]

_CHANNELS: Final = {"foreground": 1, "parts": NUM_PARTS, "u": NUM_PARTS, "v": NUM_PARTS, "confidence": 1}
_FOREGROUND_PRIOR: Final = 0.2


class DenseHead(nn.Module):
    """(N, C, 28, 28) -> the five maps at 56 x 56, from five separate output convolutions."""

    def __init__(self, inputs: int, width: int = 96, fine: int = 64) -> None:
        super().__init__()
        self.entry = ConvAct(inputs, width, 3)
        self.before = nn.Sequential(ResidualSeparable(width), ResidualSeparable(width))
        self.context = nn.Sequential(
            ConvAct(width, 128, 1),
            ResidualSeparable(128),
            ResidualSeparable(128),
            ResidualSeparable(128),
            ConvAct(128, width, 1, act=False),
        )
        self.after = nn.Sequential(ResidualSeparable(width), ResidualSeparable(width), ConvAct(width, fine, 1))
        self.fine = Separable(fine, fine, 3)
        self.outputs = nn.ModuleDict({name: nn.Conv2d(fine, _CHANNELS[name], 1) for name in MAP_OUTPUTS})
        init_layers(self)
        for name, bias in (
            ("foreground", math.log(_FOREGROUND_PRIOR / (1 - _FOREGROUND_PRIOR))),
            ("parts", 0.0),
            ("u", 0.5),
            ("v", 0.5),
            ("confidence", 0.0),
        ):
            layer = self.outputs[name]
            assert isinstance(layer, nn.Conv2d)
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.constant_(layer.bias, bias)

    def forward(self, pooled: Tensor) -> dict[str, Tensor]:
        """(N, C, 28, 28) -> foreground, parts, confidence logits and u, v: (N, 1 or 24, 56, 56)."""
        x = self.before(self.entry(pooled))
        x = x + upsample(self.context(downsample(x)))
        x = self.fine(upsample(self.after(x)))
        if not self.training:
            return {name: layer(x) for name, layer in self.outputs.items()}
        state = dict(self.outputs.named_parameters())  # one convolution trains faster than five
        weight = torch.cat([state[f"{name}.weight"] for name in MAP_OUTPUTS])
        bias = torch.cat([state[f"{name}.bias"] for name in MAP_OUTPUTS])
        maps = torch.split(functional.conv2d(x, weight, bias), [_CHANNELS[name] for name in MAP_OUTPUTS], 1)
        return dict(zip(MAP_OUTPUTS, maps, strict=True))
