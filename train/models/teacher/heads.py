"""Heads on pooled regions: DeepLab-like or plain convolutions, and the dense maps that are read from them."""

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.train.models.teacher.spec import GROUPS, TeacherSpec

__all__ = ["ConvHead", "DeepLabHead", "DensePredictor", "make_head"]

_PERSON_PRIOR: Final = 0.2  # of a region's cells
_START_DEVIATION: Final = 0.3  # chart units


def conv_norm(inputs: int, outputs: int, kernel: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps the size, group normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False),
        nn.GroupNorm(GROUPS, outputs),
        nn.ReLU(),
    )


class DilationPyramid(nn.Module):
    """A cell, its surroundings at several dilations, and the whole region (Chen et al., DeepLab v3, 2017)."""

    def __init__(self, inputs: int, width: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [conv_norm(inputs, width, 1), *(conv_norm(inputs, width, 3, dilation) for dilation in dilations)]
        )
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, width, 1), nn.ReLU())
        self.project = conv_norm((len(self.branches) + 1) * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, R, R) -> (N, width, R, R)."""
        views = [branch(x) for branch in self.branches]
        whole = self.whole(x).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([*views, whole], 1))


class NonLocal(nn.Module):
    """x + what every cell gathers from all cells, by likeness (Wang et al., CVPR 2018). It starts as x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(channels, channels // 2, 1) for _ in range(3))
        self.out = nn.Conv2d(channels // 2, channels, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, R, R) -> the same shape."""
        cells = [layer(x).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value)]
        gathered = functional.scaled_dot_product_attention(*cells)
        return x + self.out(gathered.transpose(1, 2).reshape(len(x), -1, *x.shape[2:]))


class DeepLabHead(nn.Sequential):
    """(N, inputs, R, R) -> (N, width, R, R): dilations, attention if wanted, 3x3 convolutions."""

    def __init__(
        self, inputs: int, width: int, convs: int, dilations: Sequence[int] = (6, 12, 56), non_local: bool = False
    ) -> None:
        super().__init__(
            DilationPyramid(inputs, width, dilations),
            *([NonLocal(width)] if non_local else []),
            *(conv_norm(width, width) for _ in range(convs)),
        )
        _init(self)


class ConvHead(nn.Sequential):
    """(N, inputs, R, R) -> (N, width, R, R): 3x3 convolutions with ReLU and no normalisation."""

    def __init__(self, inputs: int, width: int, convs: int) -> None:
        layers: list[nn.Module] = []
        for i in range(convs):
            layers += [nn.Conv2d(width if i else inputs, width, 3, padding=1), nn.ReLU()]
        super().__init__(*layers)
        _init(self)


def make_head(design: TeacherSpec, inputs: int) -> nn.Module:
    """The dense head of a design: (N, inputs, R, R) -> (N, head_width, R, R)."""
    if design.head == "conv8":
        return ConvHead(inputs, design.head_width, design.head_convs)
    return DeepLabHead(inputs, design.head_width, design.head_convs, design.dilations, design.non_local)


class DensePredictor(nn.Module):
    """Features of a region -> raw maps at `map_size` cells.

    coarse: (N, 2 or 15, m, m) logits, background first. fine: (N, 25, m, m) logits, background first. u, v:
    (N, 24, m, m). sigma: (N, 24, m, m), chart units, above 0.01, if the design has it. confidence: (N, 1, m, m) logit.
    """

    def __init__(self, design: TeacherSpec) -> None:
        super().__init__()
        self.channels = {
            "coarse": design.coarse_channels,
            "fine": 1 + NUM_PARTS,
            "u": NUM_PARTS,
            "v": NUM_PARTS,
            **({"sigma": NUM_PARTS} if design.uv_confidence else {}),
            "confidence": 1,
        }
        self.enlarge = design.map_size // (2 * design.roi_size)
        self.deconv = nn.ConvTranspose2d(design.head_width, sum(self.channels.values()), 4, 2, 1)
        nn.init.normal_(self.deconv.weight, std=0.01)
        start = math.log(_PERSON_PRIOR / (1 - _PERSON_PRIOR))
        bias = {
            "coarse": torch.full((design.coarse_channels,), start - math.log(design.coarse_channels - 1)),
            "u": torch.tensor(0.5),
            "v": torch.tensor(0.5),
            "sigma": torch.tensor(math.log(math.expm1(_START_DEVIATION))),
        }
        bias["coarse"][0] = 0.0
        with torch.no_grad():
            assert self.deconv.bias is not None
            parts = torch.split(self.deconv.bias, list(self.channels.values()))
            for name, part in zip(self.channels, parts, strict=True):
                part.copy_(bias.get(name, torch.zeros(())))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """(N, head_width, R, R) -> the maps by name, float32."""
        raw = self.deconv(features).float()
        if self.enlarge > 1:
            raw = functional.interpolate(raw, scale_factor=float(self.enlarge), mode="bilinear", align_corners=False)
        maps = dict(zip(self.channels, torch.split(raw, list(self.channels.values()), 1), strict=True))
        if "sigma" in maps:
            maps["sigma"] = functional.softplus(maps["sigma"]) + 0.01
        return maps


def _init(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.any():  # what starts at zero shall
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
