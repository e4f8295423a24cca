"""Weights rounded to the int8 grid so that the network's outputs, not the weights, change least.

Rounding every weight to its nearest step ignores that the inputs of a convolution are correlated: errors of single
weights add up where they could cancel, and errors of earlier layers pass through. Here, layer by layer in order of
execution, the weights and the bias are first refitted to the outputs of the float network given the inputs that the
already rounded layers produce, then rounded by coordinate descent on the measured second moments of those inputs
(after OBQ and GPTQ, Frantar et al., 2022; sequential refitting as in Hubara et al., AdaQuant, 2020).
"""

import contextlib
import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from densepose_mobile.convert.errors import ConversionError

__all__ = ["Batch", "Section", "round_weights", "run_hooked"]

_log = logging.getLogger(__name__)

Batch = Callable[[nn.Module], Any]
"""Runs a network on one batch of calibration data."""

_LEVELS: Final = 127
_POSITIONS: Final = 1000  # output positions of a layer that are used from each call
_ROWS: Final = 30  # positions for each unknown weight after which no more batches are run
_BATCHES: Final = 10  # but at least so many batches, since neighbouring positions are alike
_DAMPING: Final = 1e-3  # of the mean second moment: how strongly the refitted weights are held to the original ones
_SWEEPS: Final = 6
_SHARES: Final = (1.0, 0.9, 0.8)  # of the largest weight: what the end of the grid stands for


@dataclass(frozen=True)
class Section:
    """Convolutions, by module name in order of execution, and the calibration batches that run them."""

    layers: tuple[str, ...]
    batches: tuple[Batch, ...]


@dataclass
class _Moments:
    """Second moments of a convolution's inputs, with a trailing one for the bias, and their products with its targets.

    Grouped: one set for each channel, or one set alone. squares: (G, K + 1, K + 1), products: (G, K + 1, O).
    """

    squares: Tensor
    products: Tensor
    power: float  # sum of the squared targets
    rows: int  # positions seen


class _Enough(Exception):
    """Stops a network whose remaining layers are not needed."""


def round_weights(network: nn.Module, sections: Sequence[Section]) -> nn.Module:
    """A copy of `network` whose named convolutions hold weights that are exact on their int8 grids.

    network: in evaluation mode. Each layer has one scale an output channel, its largest weight over 127, as the
    converter will find it again.

    Raises:
        ConversionError: a layer is no convolution, or no batch reaches it.
    """
    rounded = copy.deepcopy(network)
    total = sum(len(section.layers) for section in sections)
    ratios: list[float] = []
    for section in sections:
        for name in section.layers:
            source, layer = _convolution(network, name), _convolution(rounded, name)
            moments = _measure(network, rounded, name, section.batches)
            start = _flatten(source)
            weight = _round(moments, _refit(moments, start))
            before = max(_relative_error(moments, _nearest(start)), 1e-12)
            ratios.append(_relative_error(moments, weight) / before)
            with torch.no_grad():
                layer.weight.copy_(_unflatten(weight[:, :-1], layer))
                assert layer.bias is not None
                layer.bias.copy_(weight[:, -1].reshape(-1))
            _log.debug("rounded %s: %.2f of the squared error of rounding to nearest", name, ratios[-1])
            if len(ratios) % 20 == 0 or len(ratios) == total:
                _log.info("rounded %d of %d layers", len(ratios), total)
    return rounded


def _convolution(network: nn.Module, name: str) -> nn.Conv2d:
    layer = network.get_submodule(name)
    if not isinstance(layer, nn.Conv2d) or layer.groups not in (1, layer.in_channels) or layer.bias is None:
        raise ConversionError(f"layer {name} is no plain or depthwise convolution with a bias, it cannot be rounded")
    return layer


def _measure(network: nn.Module, rounded: nn.Module, name: str, batches: Sequence[Batch]) -> _Moments:
    source, layer = _convolution(network, name), _convolution(rounded, name)
    generator = torch.Generator().manual_seed(0)
    total: _Moments | None = None
    calls: int | None = None
    for number, batch in enumerate(batches):
        if total is not None and number >= _BATCHES and total.rows >= _ROWS * total.squares.shape[1]:
            break
        targets = [output for _, output in _capture(network, source, batch, calls)]
        calls = len(targets)
        inputs = [value for value, _ in _capture(rounded, layer, batch, calls)]
        for value, target in zip(inputs, targets, strict=True):
            part = _moments_of(layer, value, target, generator)
            if total is None:
                total = part
            else:
                total.squares += part.squares
                total.products += part.products
                total.power += part.power
                total.rows += part.rows
    if total is None:
        raise ConversionError(f"no calibration batch reaches layer {name}")
    return total


def run_hooked(network: nn.Module, batches: Sequence[Batch], handles: Sequence[RemovableHandle]) -> None:
    """Run the batches without gradients; the hooks of the handles are removed however that ends."""
    try:
        with torch.inference_mode():
            for batch in batches:
                batch(network)
    finally:
        for handle in handles:
            handle.remove()


def _capture(network: nn.Module, layer: nn.Conv2d, batch: Batch, calls: int | None) -> list[tuple[Tensor, Tensor]]:
    """Input and output of every call of the layer in one batch, which ends after `calls` of them."""
    captured: list[tuple[Tensor, Tensor]] = []

    def keep(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        captured.append((arguments[0], output))
        if len(captured) == calls:
            raise _Enough

    with contextlib.suppress(_Enough):
        run_hooked(network, [batch], [layer.register_forward_hook(keep)])
    return captured


def _moments_of(layer: nn.Conv2d, value: Tensor, target: Tensor, generator: torch.Generator) -> _Moments:
    batch, _, height, width = target.shape
    chosen = torch.randperm(batch * height * width, generator=generator)[:_POSITIONS]
    outputs = target.permute(0, 2, 3, 1).reshape(batch * height * width, -1)[chosen]  # (P, O)
    patches = _patches(layer, value, chosen, height, width)  # (P, C, k * k)
    count = len(chosen)
    if layer.groups == 1:
        rows = torch.cat([patches.reshape(1, count, -1), patches.new_ones(1, count, 1)], 2)  # (1, P, C k² + 1)
        targets = outputs[None]
    else:
        rows = torch.cat([patches.transpose(0, 1), patches.new_ones(patches.shape[1], count, 1)], 2)  # (C, P, k² + 1)
        targets = outputs.T[..., None]
    power = float(targets.double().square().sum())
    return _Moments((rows.mT @ rows).double(), (rows.mT @ targets).double(), power, count)


def _patches(layer: nn.Conv2d, value: Tensor, chosen: Tensor, height: int, width: int) -> Tensor:
    """(P, C, k * k) inputs of the chosen output positions, numbered row by row, picture by picture."""
    assert not isinstance(layer.padding, str)
    down, right = layer.padding
    value = functional.pad(value, (right, right, down, down))
    rows, columns = layer.kernel_size
    picture, y, x = chosen // (height * width), chosen // width % height, chosen % width
    y = (y * layer.stride[0])[:, None, None] + torch.arange(rows)[:, None]
    x = (x * layer.stride[1])[:, None, None] + torch.arange(columns)
    gathered = value.permute(0, 2, 3, 1)[picture[:, None, None], y, x]  # (P, k, k, C)
    return gathered.permute(0, 3, 1, 2).flatten(2)


def _flatten(layer: nn.Conv2d) -> Tensor:
    """Weights and, in the last row, biases: (G, K + 1, O)."""
    assert layer.bias is not None
    weight = layer.weight.detach().double().flatten(1)  # (out, K)
    bias = layer.bias.detach().double()
    if layer.groups == 1:
        return torch.cat([weight, bias[:, None]], 1).T[None]
    return torch.cat([weight, bias[:, None]], 1)[..., None]


def _unflatten(weight: Tensor, layer: nn.Conv2d) -> Tensor:
    flat = weight[0].T if layer.groups == 1 else weight[..., 0]
    return flat.reshape(layer.weight.shape).to(layer.weight.dtype)


def _refit(moments: _Moments, start: Tensor) -> Tensor:
    """Least squares for weights and biases (G, K + 1, O), held to `start` where the data says little."""
    diagonal = moments.squares.diagonal(dim1=1, dim2=2)
    damping = _DAMPING * diagonal[:, :-1].mean(1, keepdim=True).clamp_min(1e-9) * torch.ones_like(diagonal)
    held = torch.diag_embed(damping)
    return torch.linalg.solve(moments.squares + held, moments.products + held @ start)


def _round(moments: _Moments, fitted: Tensor) -> Tensor:
    """Weights on the grid near `fitted`, and the biases that suit them: (G, K + 1, O)."""
    best, least = fitted, torch.full((fitted.shape[0], fitted.shape[2]), torch.inf, dtype=torch.double)
    squares, mean = _centred(moments)
    target = fitted[:, :-1]
    largest = target.abs().amax(1, keepdim=True)
    for share in _SHARES:
        step = (largest * share / _LEVELS).clamp_min(1e-12)
        weight = _descend(squares, target, step)
        difference = weight - target
        error = (difference * (squares @ difference)).sum(1)
        bias = fitted[:, -1:] - mean.mT @ difference
        better = error < least
        best = torch.where(better[:, None], torch.cat([weight, bias], 1), best)
        least = torch.where(better, error, least)
    return best


def _centred(moments: _Moments) -> tuple[Tensor, Tensor]:
    """Second moments (G, K, K) about the mean, since the bias is free, and the mean (G, K, 1)."""
    total = moments.squares[:, -1:, -1:]
    mean = moments.squares[:, :-1, -1:] / total
    squares = moments.squares[:, :-1, :-1] / total - mean @ mean.mT
    diagonal = squares.diagonal(dim1=1, dim2=2)
    held = _DAMPING * diagonal.mean(1, keepdim=True).clamp_min(1e-9) * torch.ones_like(diagonal)
    return squares + torch.diag_embed(held), mean


def _descend(squares: Tensor, target: Tensor, step: Tensor) -> Tensor:
    """Coordinate descent on the grid: each weight in turn to the multiple of `step` that suits all others best.

    The largest weight of each output is pinned to the end of the grid, from which the converter finds the step again.
    """
    limit = step * _LEVELS
    pinned = functional.one_hot(target.abs().argmax(1), target.shape[1]).bool().mT  # (G, K, O)
    ends = torch.where(target >= 0, limit, -limit)
    weight = torch.where(pinned, ends, (target / step).round().clamp(-_LEVELS, _LEVELS) * step)
    gradient = squares @ (weight - target)
    diagonal = squares.diagonal(dim1=1, dim2=2)
    for _ in range(_SWEEPS):
        moved = False
        for k in range(target.shape[1]):
            wanted = weight[:, k] - gradient[:, k] / diagonal[:, k, None]
            nearest = (wanted / step[:, 0]).round().clamp(-_LEVELS, _LEVELS) * step[:, 0]
            change = torch.where(pinned[:, k], 0.0, nearest - weight[:, k])
            if bool((change != 0).any()):
                moved = True
                weight[:, k] += change
                gradient += squares[:, :, k, None] * change[:, None]
        if not moved:
            break
    return weight


def _nearest(start: Tensor) -> Tensor:
    """Plain rounding of the weights (G, K + 1, O), biases as they are."""
    step = (start[:, :-1].abs().amax(1, keepdim=True) / _LEVELS).clamp_min(1e-12)
    return torch.cat([(start[:, :-1] / step).round() * step, start[:, -1:]], 1)


def _relative_error(moments: _Moments, weight: Tensor) -> float:
    """Squared error of the outputs over their square."""
    cross = (weight * moments.products).sum()
    square = (weight * (moments.squares @ weight)).sum()
    return max(float(moments.power - 2 * cross + square), 0.0) / max(moments.power, 1e-12)
