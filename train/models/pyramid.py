"""Feature pyramid: strides 4 to 32 at one width, merged downwards. Lin et al., CVPR 2017."""

from collections.abc import Sequence

from torch import Tensor, nn

from densepose_mobile.train.models.backbone import ConvAct
from densepose_mobile.train.models.layers import ResidualSeparable, Separable, init_layers, upsample

__all__ = ["Pyramid"]


class Pyramid(nn.Module):
    """Lateral 1x1 convolutions, context at stride 32, bilinear x2 and addition, one separable 3x3 at every level."""

    def __init__(self, inputs: Sequence[int], channels: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(ConvAct(width, channels, 1, act=False) for width in inputs)
        self.context = ResidualSeparable(channels, 5)
        self.smooth = nn.ModuleList(Separable(channels, channels) for _ in inputs)
        init_layers(self)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Backbone features, finest first -> as many maps of `channels` channels, finest first."""
        laterals = [lateral(x) for lateral, x in zip(self.laterals, features, strict=True)]
        merged = self.context(laterals[-1])
        outputs = [self.smooth[-1](merged)]
        for i in range(len(laterals) - 2, -1, -1):
            merged = laterals[i] + upsample(outputs[0])
            outputs.insert(0, self.smooth[i](merged))
        return outputs
