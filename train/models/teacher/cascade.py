"""Multi-task cascade: every stage predicts dense maps, keypoints and mask, and the next one refines them all.

Güler et al., DensePose, CVPR 2018, section 4: the tasks help one another across stages, as a skeleton and a silhouette
say much about parts and the parts about them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.train.models.layers import downsample, upsample
from densepose_mobile.train.models.teacher.heads import ConvHead, DensePredictor, make_head
from densepose_mobile.train.models.teacher.spec import TeacherSpec

__all__ = ["Cascade", "StageMaps"]

_PREDICTIONS: Final = ("coarse", "fine", "u", "v")


@dataclass(frozen=True, eq=False)
class StageMaps:
    """What one stage says of N regions.

    dense: the maps of `DensePredictor`. keypoints: (N, 17, 2 R, 2 R) logits, a softmax over the cells of each. mask:
    (N, 1, R, R) logit of the person; None without a cascade.
    """

    dense: dict[str, Tensor]
    keypoints: Tensor | None = None
    mask: Tensor | None = None


class _HalfHead(nn.Module):
    """Convolutions at half of the region's cells, then a deconvolution back to them: keypoints and masks."""

    def __init__(self, inputs: int, width: int, convs: int, outputs: int) -> None:
        super().__init__()
        self.body = ConvHead(inputs, width, convs)
        self.deconv = nn.ConvTranspose2d(width, outputs, 4, 2, 1)
        nn.init.normal_(self.deconv.weight, std=0.01)
        assert self.deconv.bias is not None
        nn.init.zeros_(self.deconv.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, R / 2, R / 2) -> features (N, width, R / 2, R / 2), output (N, outputs, R, R)."""
        features = self.body(x)
        return features, self.deconv(features).float()


class _Stage(nn.Module):
    def __init__(self, inputs: int, design: TeacherSpec) -> None:
        super().__init__()
        self.head = make_head(design, inputs)
        self.predictor = DensePredictor(design)
        self.keypoints: _HalfHead | None = None
        self.mask: _HalfHead | None = None
        if design.cascade:
            self.keypoints = _HalfHead(inputs, design.keypoint_width, design.keypoint_convs, len(KEYPOINT_NAMES))
            self.mask = _HalfHead(inputs, design.mask_width, design.mask_convs, 1)

    def forward(self, region: Tensor) -> tuple[StageMaps, dict[str, Tensor]]:
        """(N, C, R, R) -> the maps, and the features that they were read from."""
        features = self.head(region)
        dense = self.predictor(features)
        if self.keypoints is None or self.mask is None:
            return StageMaps(dense), {}
        half = downsample(region)
        posture, heatmaps = self.keypoints(half)
        shape, mask = self.mask(half)
        return StageMaps(dense, upsample(heatmaps), mask), {"dense": features, "keypoints": posture, "mask": shape}


class _Refinement(nn.Module):
    """The region's features plus what the stage before felt and said of it."""

    def __init__(self, channels: int, design: TeacherSpec) -> None:
        super().__init__()
        inputs = {
            "dense": design.head_width,
            "keypoints": design.keypoint_width,
            "mask": design.mask_width,
            "said": design.coarse_channels + 1 + 3 * NUM_PARTS + len(KEYPOINT_NAMES) + 1,
        }
        self.embed = nn.ModuleDict({name: nn.Conv2d(width, channels, 1) for name, width in inputs.items()})
        for layer in self.embed.values():
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            layer.weight.data.mul_(0.5)  # the four together have about the variance of one
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, region: Tensor, maps: StageMaps, features: Mapping[str, Tensor]) -> Tensor:
        """Region (N, C, R, R), maps and features of a stage -> (N, C, R, R) of the next one."""
        size = region.shape[-1]
        refined = region + self.embed["dense"](features["dense"]) + self.embed["said"](_said(maps, size))
        posture = self.embed["keypoints"](features["keypoints"]) + self.embed["mask"](features["mask"])
        return refined + upsample(posture)


def _said(maps: StageMaps, size: int) -> Tensor:
    """(N, ., size, size) predictions in 0..1: coarse, fine, u, v, keypoints at 1 where they are likeliest, mask."""
    dense = {name: maps.dense[name] for name in _PREDICTIONS}
    dense |= {name: dense[name].softmax(1) for name in ("coarse", "fine")}
    assert maps.keypoints is not None
    assert maps.mask is not None
    likely = (maps.keypoints - maps.keypoints.amax((2, 3), keepdim=True)).exp()
    small = [_reduced(value, size) for value in (*dense.values(), likely)]
    return torch.cat([*small, maps.mask.sigmoid()], 1)


def _reduced(maps: Tensor, size: int) -> Tensor:
    """The mean of the cells that fall together."""
    return functional.avg_pool2d(maps, maps.shape[-1] // size)


class Cascade(nn.Module):
    """All stages; without a cascade there is one, of dense maps alone."""

    def __init__(self, channels: int, design: TeacherSpec) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_Stage(channels, design) for _ in range(1 + design.cascade))
        self.refine = nn.ModuleList(_Refinement(channels, design) for _ in range(design.cascade))

    def forward(self, region: Tensor) -> list[StageMaps]:
        """(N, C, R, R) -> the maps of every stage, the best last."""
        outputs: list[StageMaps] = []
        x = region
        for place, stage in enumerate(self.stages):
            maps, features = stage(x)
            outputs.append(maps)
            if place < len(self.refine):
                x = self.refine[place](region, maps, features)
        return outputs
