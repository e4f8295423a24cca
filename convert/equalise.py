"""Channels brought to a common range before quantisation, without changing what the network computes.

An int8 activation tensor has one scale for all its channels; a channel a hundred times weaker than the strongest keeps
one or two steps. A factor on the output channel of one convolution and its inverse on the input channel of the next
cancel where only a per-channel map lies between, which ReLU6 is for values that it does not clip (cross-layer
equalisation, Nagel et al., ICCV 2019, here with measured ranges).
"""

import copy
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from densepose_mobile.convert.rounding import Batch, run_hooked
from densepose_mobile.train.models.backbone import ConvAct, InvertedResidual
from densepose_mobile.train.models.keypoints import KeypointPyramid, SeparableRelu
from densepose_mobile.train.models.layers import ResidualSeparable, Separable
from densepose_mobile.train.models.student import Student

__all__ = ["Pair", "equalise", "pairs_of"]

_log = logging.getLogger(__name__)

_CEILING: Final = 6.0  # of ReLU6
_MARGIN: Final = 1.5  # unseen pictures may exceed the measured range by so much before ReLU6 clips what it did not clip
_LARGEST: Final = 256.0  # factor


@dataclass(frozen=True)
class Pair:
    """Convolutions whose outputs are one tensor (summed, if several), and all convolutions that read it.

    rectified: ReLU6 lies between, else nothing that has an end.
    """

    writers: tuple[str, ...]
    readers: tuple[str, ...]
    rectified: bool


def pairs_of(student: Student) -> tuple[Pair, ...]:
    """Every place of a student where channels can be brought to a common range."""
    names = {module: name for name, module in student.named_modules()}
    pairs = [pair for module in student.modules() for pair in _inside(module, names)]
    head = student.dense_head
    entry, fine = head.after[-1], head.fine[1]
    assert isinstance(entry, ConvAct)
    assert isinstance(fine, ConvAct)
    # Bilinear upsampling is linear and keeps channels apart.
    pairs.append(Pair((names[entry.conv],), (names[_convolution(head.fine[0])],), rectified=True))
    pairs.append(Pair((names[fine.conv],), tuple(names[output] for output in head.outputs.values()), rectified=True))
    return (*_between_blocks(student, names), *_between_levels(student.pose.pyramid, names), *pairs)


def equalise(student: Student, batches: Sequence[Batch]) -> Student:
    """A copy that computes the same, with channels of a common range wherever `pairs_of` finds a pair."""
    result = copy.deepcopy(student)
    pairs = pairs_of(result)
    # One pair's factors change no other pair's tensor, so that all can be measured at once.
    for pair, ranges in zip(pairs, _ranges(result, pairs, batches), strict=True):
        wanted = _CEILING / (_MARGIN * ranges) if pair.rectified else ranges.amax() / ranges
        factor = torch.where(ranges > 0, wanted.clamp(1.0, _LARGEST), torch.ones_like(ranges))
        with torch.no_grad():
            for name in pair.writers:
                layer = _layer(result, name)
                layer.weight.mul_(factor[:, None, None, None])
                assert layer.bias is not None
                layer.bias.mul_(factor)
            for name in pair.readers:
                layer = _layer(result, name)
                shape = (-1, 1, 1, 1) if layer.groups > 1 else (1, -1, 1, 1)
                layer.weight.div_(factor.reshape(shape))
        _log.debug("%s -> %s: factors up to %.1f", pair.writers, pair.readers, float(factor.max()))
    return result


def _ranges(student: Student, pairs: Sequence[Pair], batches: Sequence[Batch]) -> list[Tensor]:
    """(C,) largest absolute value of every channel of each pair's tensor, as its readers see it."""
    largest = [torch.zeros(_layer(student, pair.writers[0]).out_channels) for pair in pairs]

    def keeper(number: int) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def keep(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            torch.maximum(largest[number], arguments[0].abs().amax((0, 2, 3)), out=largest[number])

        return keep

    handles = [
        _layer(student, name).register_forward_pre_hook(keeper(number))
        for number, pair in enumerate(pairs)
        for name in pair.readers
    ]
    run_hooked(student, batches, handles)
    return largest


def _layer(student: Student, name: str) -> nn.Conv2d:
    layer = student.get_submodule(name)
    assert isinstance(layer, nn.Conv2d)
    return layer


def _inside(module: nn.Module, names: dict[nn.Module, str]) -> Iterator[Pair]:
    if isinstance(module, InvertedResidual):
        chain = [part for part in (module.expand, module.depthwise, module.project) if isinstance(part, ConvAct)]
    elif isinstance(module, ResidualSeparable):
        chain = [module.depthwise, module.pointwise]
    elif isinstance(module, SeparableRelu):
        yield Pair((names[module.depthwise],), (names[module.pointwise],), rectified=False)
        return
    elif isinstance(module, nn.Sequential) and isinstance(module[0], SeparableRelu):
        yield Pair((names[module[0].pointwise],), (names[module[1]],), rectified=False)
        return
    elif isinstance(module, Separable):
        chain = [part for part in module if isinstance(part, ConvAct)]
    else:
        return
    for before, after in itertools.pairwise(chain):
        rectified = not isinstance(before.act, nn.Identity)
        yield Pair((names[before.conv],), (names[after.conv],), rectified)


def _between_blocks(student: Student, names: dict[nn.Module, str]) -> Iterator[Pair]:
    """The linear tensors between inverted residuals: one for every run of blocks that add to it."""
    others: dict[nn.Module, list[str]] = {}
    for stage, lateral in zip(student.backbone.stages, student.pyramid.laterals, strict=True):
        assert isinstance(stage, nn.Sequential)
        others.setdefault(stage[-1], []).append(names[_convolution(lateral)])
    ends = [stage[-1] for stage in student.backbone.stages if isinstance(stage, nn.Sequential)]
    top, (_, *finer) = student.pose.pyramid.top, student.pose.pyramid.laterals
    read = (ends[-1], student.backbone.middle, *ends[1::-1])
    for block, reader in zip(read, (top, *finer), strict=True):
        others.setdefault(block, []).append(names[reader])
    blocks = student.backbone.blocks()
    others[blocks[-1]].append(names[_convolution(student.track_head.reduce)])
    writers: list[str] = []
    readers: list[str] = []
    for block, following in zip(blocks, (*blocks[1:], None), strict=True):
        writers.append(names[block.project.conv])
        readers += others.get(block, [])
        if following is not None:
            readers.append(names[_convolution(following.expand)])
        if following is None or not following.residual:
            yield Pair(tuple(writers), tuple(readers), rectified=False)
            writers, readers = [], []


def _between_levels(pyramid: KeypointPyramid, names: dict[nn.Module, str]) -> Iterator[Pair]:
    """The top, and each level's sum of a lateral and of what comes from above; ReLU lets any factor through."""
    above = pyramid.laterals[0]
    yield Pair((names[pyramid.top],), (names[above],), rectified=True)
    for lateral, smooth in zip(list(pyramid.laterals)[1:], pyramid.smooth, strict=True):
        assert isinstance(smooth, SeparableRelu)
        yield Pair((names[above], names[lateral]), (names[smooth.depthwise],), rectified=False)
        above = smooth.pointwise


def _convolution(module: nn.Module) -> nn.Conv2d:
    assert isinstance(module, ConvAct)
    return module.conv
