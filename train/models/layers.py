"""The two building blocks of everything above the backbone, and their initialisation without batch norm."""

from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.train.models.backbone import ConvAct

__all__ = ["ResidualSeparable", "Separable", "downsample", "init_layers", "upsample"]


class Separable(nn.Sequential):
    """Depthwise k x k, then pointwise with ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, act: bool = True) -> None:
        super().__init__(
            ConvAct(inputs, inputs, kernel, groups=inputs, act=False), ConvAct(inputs, outputs, 1, act=act)
        )


class ResidualSeparable(nn.Module):
    """x + pointwise(relu6(depthwise(x))), then ReLU6: cheap context at constant width."""

    def __init__(self, channels: int, kernel: int = 5) -> None:
        super().__init__()
        self.depthwise = ConvAct(channels, channels, kernel, groups=channels)
        self.pointwise = ConvAct(channels, channels, 1, act=False)
        self.act = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same shape."""
        return self.act(x + self.pointwise(self.depthwise(x)))


def upsample(x: Tensor) -> Tensor:
    """Bilinear x2 with half-pixel centres: the one upsampling that every delegate runs."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def downsample(x: Tensor) -> Tensor:
    """Mean of 2 x 2 cells, sides even.

    Bilinear resizing to half the size is that mean when cell centres lie at one half. Unlike average pooling it has an
    int8 kernel on XNNPACK, and a gradient in bfloat16 that is forty times as fast on a CPU.
    """
    return functional.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)


def init_layers(module: nn.Module) -> None:
    """He initialisation of every convolution; the end of each residual branch starts at a quarter of it.

    Without batch norm nothing else keeps the variance of a sum of branches from growing with depth.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu" if layer.groups == 1 else "linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for block in module.modules():
        if isinstance(block, ResidualSeparable):
            block.pointwise.conv.weight.data.mul_(0.25)
