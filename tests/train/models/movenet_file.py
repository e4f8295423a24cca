"""A file of MoveNet weights as the package's are, with random values, so that tests need no download."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from densepose_mobile.train.models.keypoints import KeypointNet

__all__ = ["random_weights"]


def random_weights(path: Path, width: float, seed: int = 0) -> KeypointNet:
    """Write the file of a width; returns the network with the same values, rounded to float16."""
    torch.manual_seed(seed)
    net = KeypointNet(width).eval()
    for parameter in net.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.1)
        parameter.data = parameter.data.half().float()
    arrays = {}

    def put(layer: nn.Module, weight: str, bias: str | None) -> None:
        assert isinstance(layer, nn.Conv2d)
        order = (2, 3, 0, 1) if layer.groups > 1 else (2, 3, 1, 0)
        arrays[weight] = layer.weight.detach().numpy().transpose(order).astype(np.float16)
        assert layer.bias is not None
        if bias is None:
            layer.bias.data.zero_()
        else:
            arrays[bias] = layer.bias.detach().numpy().astype(np.float16)

    def convolution(layer: nn.Module, name: str, kind: str = "Conv2D") -> None:
        put(layer.conv, f"{name}{kind}_weights", f"{name}{kind}_bn_offset")

    first = net.backbone.stem[0]
    convolution(first, "backbone/Conv1/")
    for i, block in enumerate(net.backbone.blocks()):
        name = f"backbone/block_{i}" if i else "backbone/expanded_conv"
        if i:
            convolution(block.expand, f"{name}_expand/")
        convolution(block.depthwise, f"{name}_depthwise/", "depthwise")
        convolution(block.project, f"{name}_project/")
    put(net.pyramid.top, "backbone/Conv_1/Conv2D_weights", "backbone/Conv_1/Conv2D_bn_offset")
    for i, lateral in enumerate(net.pyramid.laterals):
        name = f"fpn/conv2d{_number(i)}"
        put(lateral, f"{name}/Conv2D/ReadVariableOp", f"{name}/BiasAdd/ReadVariableOp")
    for i, smooth in enumerate(net.pyramid.smooth):
        name = f"fpn/separable_conv2d{_number(i)}/separable_conv2d"
        put(smooth.depthwise, f"{name}/ReadVariableOp", None)
        put(smooth.pointwise, f"{name}_weights", f"{name}_bn_offset")
    for i, (head, (reader, last)) in enumerate(net.heads.items(), 3):
        name = f"{head}/separable_conv2d_{i}"
        put(reader.depthwise, f"{name}/separable_conv2d/ReadVariableOp", None)
        put(reader.pointwise, f"{name}/separable_conv2d/ReadVariableOp_1", f"{name}/BiasAdd/ReadVariableOp")
        put(last, f"{head}/conv2d_{i + 1}/Conv2D/ReadVariableOp", f"{head}/conv2d_{i + 1}/BiasAdd/ReadVariableOp")
    np.savez(path, **arrays)
    return net


def _number(place: int) -> str:
    return f"_{place}" if place else ""
