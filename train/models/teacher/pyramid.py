"""Feature pyramid and decoder: backbone features -> levels at strides 4 to 32 -> one merged map at stride 4."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import FeaturePyramidNetwork

from densepose_mobile.train.models.layers import upsample

__all__ = ["Decoder", "FeaturePyramid"]


class FeaturePyramid(nn.Module):
    """torchvision's feature pyramid over a list of maps (Lin et al., CVPR 2017)."""

    def __init__(self, inputs: Sequence[int], channels: int) -> None:
        super().__init__()
        self.net = FeaturePyramidNetwork(list(inputs), channels)

    def laterals(self) -> list[nn.Conv2d]:
        """The convolutions that read the backbone's features, finest first."""
        return [block[0] for block in self.net.inner_blocks]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Backbone features, finest first -> as many levels of `channels` channels, finest first."""
        return list(self.net({str(i): feature for i, feature in enumerate(features)}).values())


class Decoder(nn.Module):
    """Every level through a 3x3 convolution for each doubling, up to stride 4; their sum through a 1x1 convolution.

    Regions of every size are pooled from this one map, at full resolution (semantic branch of Panoptic FPN, Kirillov et
    al., CVPR 2019). The finest level comes from a 3x3 convolution of the pyramid and has none here.
    """

    def __init__(self, inputs: int, channels: int, levels: int = 4) -> None:
        super().__init__()
        self.finest = nn.Conv2d(inputs, channels, 1)
        self.towers = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(channels if i else inputs, channels, 3, padding=1) for i in range(level))
            for level in range(1, levels)
        )
        self.merge = nn.Conv2d(channels, channels, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Levels (B, C, H, W), finest first -> (B, channels, H, W) at the stride of the finest."""
        total = functional.relu(self.finest(levels[0]))
        for level, tower in zip(levels[1:], self.towers, strict=True):
            assert isinstance(tower, nn.ModuleList)
            x = level
            for layer in tower:
                x = upsample(functional.relu(layer(x)))
            total = total + x
        return self.merge(total)
