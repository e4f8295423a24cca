"""MobileNetV2 with folded batch norm: the mobile backbone, strides 4 to 32.

There is no batch norm at training or run time: its scale is part of the weights and its shift is the bias. That halves
the training time on a CPU and makes the trained net the device net. Sandler et al., CVPR 2018.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.train.models.depthwise import depthwise_conv

__all__ = ["ConvAct", "InvertedResidual", "MobileNetV2", "scaled_channels"]

_STAGES: Final[tuple[tuple[tuple[int, int, int], ...], ...]] = (
    ((24, 2, 2),),
    ((32, 3, 2),),
    ((64, 4, 2), (96, 3, 1)),
    ((160, 3, 2), (320, 1, 1)),
)  # per stage: (channels at width 1, blocks, stride of the first block), expansion 6

_MIDDLE_STAGE: Final = 2
_MIDDLE_BLOCK: Final = 3
"""The last block of 64 channels."""


class ConvAct(nn.Module):
    """Convolution with TensorFlow SAME padding, then ReLU6 if `act`.

    On an even picture SAME pads a stride-2 convolution on the right and bottom only; symmetric padding would shift
    pretrained features by half a stride.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: bool = True
    ) -> None:
        super().__init__()
        if stride == 2 and kernel != 3:
            raise ValueError(f"a stride-2 convolution has kernel 3 here, not {kernel}")
        self.pad_end = stride == 2
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=0 if self.pad_end else kernel // 2, groups=groups, bias=True
        )
        self.act: nn.Module = nn.ReLU6() if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        if self.training and self.conv.groups > 1 and self.conv.bias is not None:
            return self.act(depthwise_conv(x, self.conv.weight, self.conv.bias, 2 if self.pad_end else 1))
        if self.pad_end:
            x = functional.pad(x, (0, 1, 0, 1))
        return self.act(self.conv(x))


class InvertedResidual(nn.Module):
    """Expand, depthwise, project; added to its input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand: nn.Module = ConvAct(inputs, hidden, 1) if expansion != 1 else nn.Identity()
        self.depthwise = ConvAct(hidden, hidden, 3, stride, groups=hidden)
        self.project = ConvAct(hidden, outputs, 1, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


def scaled_channels(channels: int, width: float) -> int:
    """`width` times `channels`, to the nearest multiple of 8 that is no less than nine tenths of it."""
    scaled = max(8, int(channels * width + 4) // 8 * 8)
    return scaled if scaled >= 0.9 * channels * width else scaled + 8


class MobileNetV2(nn.Module):
    """Of any width, without the classifier's last convolution.

    channels: of the features at strides 4, 8, 16, 32.
    """

    def __init__(self, frozen_stages: int = 0, width: float = 1.0) -> None:
        super().__init__()
        self.width = width
        first, inputs = scaled_channels(32, width), scaled_channels(16, width)
        self.stem = nn.Sequential(ConvAct(3, first, 3, 2), InvertedResidual(first, inputs, 1, 1))
        stages: list[nn.Module] = []
        ends: list[int] = []
        for stage in _STAGES:
            blocks: list[nn.Module] = []
            for channels, count, stride in stage:
                outputs = scaled_channels(channels, width)
                for i in range(count):
                    blocks.append(InvertedResidual(inputs, outputs, stride if i == 0 else 1, 6))
                    inputs = outputs
            stages.append(nn.Sequential(*blocks))
            ends.append(inputs)
        self.channels = tuple(ends)
        self.middle_channels = scaled_channels(64, width)
        self.stages = nn.ModuleList(stages)
        self.frozen_stages = 0
        self.freeze(frozen_stages)

    def freeze(self, stages: int) -> None:
        """Keep the stem and the first `stages` stages as they are: no gradient, no memory for it."""
        if not 0 <= stages <= len(self.stages):
            raise ValueError(f"frozen_stages is 0..{len(self.stages)}, not {stages}")
        self.frozen_stages = stages
        parts: Sequence[nn.Module] = (self.stem, *self.stages)
        for i, part in enumerate(parts):
            part.requires_grad_(not (stages > 0 and i <= stages))

    def blocks(self) -> list[InvertedResidual]:
        """The 17 blocks in order; block i is MobileNetV2's `block_i`, 0 the unexpanded one."""
        return [module for module in self.modules() if isinstance(module, InvertedResidual)]

    @property
    def middle(self) -> nn.Module:
        """The last block at stride 16 before the channels are widened."""
        stage = self.stages[_MIDDLE_STAGE]
        assert isinstance(stage, nn.Sequential)
        return stage[_MIDDLE_BLOCK]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, 3, H, W), -1..1, sides divisible by 32 -> features at strides 4, 8, 16, 32."""
        s4, s8, _, s16, s32 = self.levels(image)
        return s4, s8, s16, s32

    def levels(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """As `forward`, with those at stride 16 twice: before they are widened, for MoveNet's pyramid, and after."""
        features: list[Tensor] = []
        x = image
        for i, part in enumerate((self.stem, *self.stages)):
            assert isinstance(part, nn.Sequential)
            frozen = self.training and i <= self.frozen_stages and self.frozen_stages > 0
            for block in part:
                if frozen:
                    with torch.no_grad():
                        x = block(x)
                else:
                    x = block(x)
                if block is self.middle:
                    features.append(x)
            if i:
                features.append(x)
        return features[0], features[1], features[2], features[3], features[4]
