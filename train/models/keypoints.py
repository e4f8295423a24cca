"""MoveNet: the 17 COCO keypoints of the person in the middle of a crop.

Upstream: Google MoveNet (Apache-2.0), of which the architecture is read off the arrays of its weights: MobileNetV2, a
feature pyramid to stride 4, and heads as in CenterNet (Zhou et al., Objects as Points, 2019, section 5).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.layers import upsample
from densepose_mobile.train.models.movenet import WEIGHT_FILES, load_movenet, movenet_width

__all__ = [
    "KEYPOINT_CHANNELS",
    "KEYPOINT_INPUT",
    "KeypointNet",
    "KeypointPyramid",
    "SeparableRelu",
    "keypoint_head",
    "load_keypoint_net",
]

KEYPOINT_INPUT: Final = 256
"""Side of the square crop that the network was trained on, px."""

_STRIDE: Final = 4
_TOP: Final = 1280  # channels of the last convolution of the backbone
_LEVELS: Final = (64, 64, 32, 24)  # channels of the pyramid at strides 32, 16, 8, 4
KEYPOINT_CHANNELS: Final = 24
_HEAD: Final = 96
_NEAR: Final = 1.8  # cells, added to distances before they divide
_KEYPOINTS: Final = 17
_MANY: Final = 1.5  # width of the network that was trained on pictures of many people, with heads for their boxes
_BOX_HEADS: Final = {"box_scale_0": 2, "box_offset_0": 2}
_HEADS: Final = {
    "center_0": 1,
    "kpt_heatmap_0": _KEYPOINTS,
    "kpt_regress_0": 2 * _KEYPOINTS,
    "kpt_offset_0": 2 * _KEYPOINTS,
}


class SeparableRelu(nn.Module):
    """Depthwise 3 x 3, then pointwise with ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        return functional.relu(self.pointwise(self.depthwise(x)))


class KeypointPyramid(nn.Module):
    """MoveNet's pyramid on its backbone."""

    def __init__(self, backbone: MobileNetV2) -> None:
        super().__init__()
        s4, s8, _, s32 = backbone.channels
        self.top = nn.Conv2d(s32, _TOP, 1)
        self.laterals = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 1)
            for inputs, outputs in zip((_TOP, backbone.middle_channels, s8, s4), _LEVELS, strict=True)
        )
        self.smooth = nn.ModuleList(
            SeparableRelu(inputs, outputs)
            for inputs, outputs in zip(_LEVELS[1:], (*_LEVELS[2:], KEYPOINT_CHANNELS), strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Of `MobileNetV2.levels` -> (B, KEYPOINT_CHANNELS, S / 4, S / 4)."""
        s4, s8, middle, _, s32 = features
        x = self.laterals[0](functional.relu6(self.top(s32)))
        for level, lateral, smooth in zip((middle, s8, s4), list(self.laterals)[1:], self.smooth, strict=True):
            x = smooth(upsample(x) + lateral(level))
        return x


def keypoint_head(outputs: int) -> nn.Sequential:
    """One of MoveNet's heads on its pyramid."""
    return nn.Sequential(SeparableRelu(KEYPOINT_CHANNELS, _HEAD), nn.Conv2d(_HEAD, outputs, 1))


class KeypointNet(nn.Module):
    """Crops (B, 3, S, S) RGB scaled to -1..1, S a multiple of 32 -> keypoints."""

    def __init__(self, width: float = 1.75) -> None:
        super().__init__()
        self.backbone = MobileNetV2(width=width)
        self.pyramid = KeypointPyramid(self.backbone)
        heads = {"center_0": 1, **(_BOX_HEADS if width == _MANY else {}), **_HEADS}
        self.heads = nn.ModuleDict({name: keypoint_head(count) for name, count in heads.items()})

    def maps(self, crops: Tensor) -> dict[str, Tensor]:
        """The heads' maps (B, ., S / 4, S / 4): logits of centre and keypoints, sizes and offsets y, x in cells."""
        x = self.pyramid(self.backbone.levels(crops))
        return {name: head(x) for name, head in self.heads.items()}

    @torch.no_grad()
    def forward(self, crops: Tensor) -> Tensor:
        """Keypoints (B, 17, 3) of the person nearest to the middle: x, y px of the crop, and a score 0..1."""
        maps = self.maps(crops)
        heat = maps["kpt_heatmap_0"].sigmoid()
        shape = (len(heat), _KEYPOINTS, 2, *heat.shape[2:])
        rows, columns = heat.shape[2:]
        y, x = torch.meshgrid(
            torch.arange(rows, dtype=heat.dtype), torch.arange(columns, dtype=heat.dtype), indexing="ij"
        )
        middle = 1 / (torch.hypot(y - rows // 2, x - columns // 2) + _NEAR)
        centre = (maps["center_0"][:, 0].sigmoid() * middle).flatten(1).argmax(1)
        reach = _at(maps["kpt_regress_0"].reshape(shape), centre[:, None].expand(-1, _KEYPOINTS))
        guess = reach + torch.stack([centre // columns, centre % columns], 1)[:, None]
        distance = torch.hypot(y - guess[..., 0, None, None], x - guess[..., 1, None, None])
        peak = (heat / (distance + _NEAR)).flatten(2).argmax(2)
        offset = _at(maps["kpt_offset_0"].reshape(shape), peak)
        place = torch.stack([peak % columns + offset[..., 1], peak // columns + offset[..., 0]], -1) * _STRIDE
        return torch.cat([place, heat.flatten(2).gather(2, peak[..., None])], -1)


def _at(maps: Tensor, cell: Tensor) -> Tensor:
    """(B, 17, C, H, W) at the flat cells (B, 17) -> (B, 17, C)."""
    return maps.flatten(3).gather(3, cell[:, :, None, None].expand(-1, -1, maps.shape[2], 1))[..., 0]


def load_keypoint_net(path: Path) -> KeypointNet:
    """The network whose weights a file of `WEIGHT_FILES` holds, in evaluation mode.

    Raises:
        AssetError: the file is missing, or is none of those.
    """
    net = KeypointNet(movenet_width(path))
    load_movenet(net.backbone, path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if not name.startswith("backbone/block_")}
    try:
        _fill(net.pyramid.top, arrays, "backbone/Conv_1/Conv2D_weights", "backbone/Conv_1/Conv2D_bn_offset")
        for i, lateral in enumerate(net.pyramid.laterals):
            name = f"fpn/conv2d{_number(i)}"
            _fill(lateral, arrays, f"{name}/Conv2D/ReadVariableOp", f"{name}/BiasAdd/ReadVariableOp")
        for i, smooth in enumerate(net.pyramid.smooth):
            assert isinstance(smooth, SeparableRelu)
            name = f"fpn/separable_conv2d{_number(i)}/separable_conv2d"
            _fill(smooth.depthwise, arrays, f"{name}/ReadVariableOp", None)
            _fill(smooth.pointwise, arrays, f"{name}_weights", f"{name}_bn_offset")
        for i, (head, layers) in enumerate(net.heads.items(), 3):
            assert isinstance(layers, nn.Sequential)
            reader, last = layers
            assert isinstance(reader, SeparableRelu)
            name = f"{head}/separable_conv2d_{i}"
            _fill(reader.depthwise, arrays, f"{name}/separable_conv2d/ReadVariableOp", None)
            _fill(
                reader.pointwise, arrays, f"{name}/separable_conv2d/ReadVariableOp_1", f"{name}/BiasAdd/ReadVariableOp"
            )
            name = f"{head}/conv2d_{i + 1}"
            bias = f"{name}/BiasAdd/ReadVariableOp"
            # Which cell is the highest does not depend on the centre's, and not every file has it.
            _fill(last, arrays, f"{name}/Conv2D/ReadVariableOp", bias if bias in arrays else None)
    except (KeyError, ValueError) as error:
        raise AssetError(f"{path} is none of {list(WEIGHT_FILES.values())} with its heads: {error}") from error
    return net.eval()


def _number(place: int) -> str:
    return f"_{place}" if place else ""


def _fill(layer: nn.Module, arrays: dict[str, NDArray[np.float16]], weight: str, bias: str | None) -> None:
    """Copy HWIO, or depthwise HWC1, arrays into a convolution."""
    assert isinstance(layer, nn.Conv2d)
    order = (2, 3, 0, 1) if layer.groups > 1 else (3, 2, 0, 1)
    value = torch.from_numpy(arrays[weight].astype(np.float32).transpose(order).copy())
    if value.shape != layer.weight.shape:
        raise ValueError(f"{weight} has shape {tuple(value.shape)}, expected {tuple(layer.weight.shape)}")
    with torch.no_grad():
        layer.weight.copy_(value)
        if layer.bias is not None:
            layer.bias.zero_()
            if bias is not None:
                layer.bias.copy_(torch.from_numpy(arrays[bias].astype(np.float32)))
