"""Depthwise convolution whose gradients are fast on a CPU.

In bfloat16 oneDNN has no fast path for two gradients that this network needs: the input of a stride-2 depthwise
convolution (40 times slower than the stride-1 one) and the weights of a 5x5 one (8 times slower per tap than 3x3). Both
are written here with the calls that are fast; values are the same. In float32 oneDNN's own gradients are the faster
ones.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["depthwise_conv"]


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Depthwise convolution with SAME padding, under the autocast type if there is one.

    x: (B, C, H, W), even H and W where stride is 2. weight: (C, 1, k, k), k = 3, or 5 at stride 1. bias: (C,).
    """
    if not torch.is_autocast_enabled("cpu"):
        channels, _, kernel, _ = weight.shape
        if stride == 2:
            x = functional.pad(x, (0, 1, 0, 1))
        return functional.conv2d(x, weight, bias, stride, 0 if stride == 2 else kernel // 2, 1, channels)
    kind = torch.get_autocast_dtype("cpu")
    with torch.autocast("cpu", enabled=False):
        return _Depthwise.apply(x.to(kind), weight.to(kind), bias.to(kind), stride)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        channels, _, kernel, _ = weight.shape
        ctx.stride = stride
        if stride == 2:
            x = functional.pad(x, (0, 1, 0, 1))
            padding = 0
        else:
            padding = kernel // 2
        ctx.save_for_backward(x, weight)
        return functional.conv2d(x, weight, bias, stride, padding, 1, channels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        to_input = _input_gradient(gradient, weight, ctx.stride) if ctx.needs_input_grad[0] else None
        to_weight = _weight_gradient(gradient, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        to_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return to_input, to_weight, to_bias, None


def _input_gradient(gradient: Tensor, weight: Tensor, stride: int) -> Tensor:
    channels, _, kernel, _ = weight.shape
    if stride == 2:  # zeros between the rows and columns make it a stride-1 convolution
        batch, _, height, width = gradient.shape
        spread = torch.zeros(
            (batch, channels, 2 * height, 2 * width), dtype=gradient.dtype, device=gradient.device
        ).contiguous(memory_format=torch.channels_last)
        spread[:, :, 1::2, 1::2] = gradient
        gradient = spread
    return functional.conv2d(gradient, weight.flip(2, 3), None, 1, kernel // 2, 1, channels)


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    kernel = weight.shape[2]
    if kernel == 3:
        return _tap_gradient(gradient, x, weight, stride, 0 if stride == 2 else 1)
    if kernel != 5 or stride != 1:
        raise ValueError(f"depthwise kernels are 3, or 5 at stride 1, not {kernel} at stride {stride}")
    height, width = gradient.shape[2:]
    padded = functional.pad(x, (2, 2, 2, 2))
    taps = torch.empty_like(weight)
    for i in (0, 2):  # four 3x3 corners cover the 5x5 taps
        for j in (0, 2):
            view = padded[:, :, i : i + height + 2, j : j + width + 2].contiguous(memory_format=torch.channels_last)
            taps[:, :, i : i + 3, j : j + 3] = _tap_gradient(gradient, view, weight[:, :, :3, :3].contiguous(), 1, 0)
    return taps


def _tap_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    result: Tensor = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        [stride, stride],
        [padding, padding],
        [1, 1],
        False,
        [0, 0],
        weight.shape[0],
        [False, True, False],
    )[1]
    return result
