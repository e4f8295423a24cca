"""Weights made ready for int8: channels equalised, then rounded layer by layer, all in torch before the conversion."""

import logging
import weakref
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from densepose_mobile.calibration.inputs import dense_inputs, detect_inputs, track_inputs
from densepose_mobile.convert.equalise import equalise
from densepose_mobile.convert.rounding import Batch, Section, round_weights, run_hooked
from densepose_mobile.runtime import Graph
from densepose_mobile.train.models.student import Student

__all__ = ["prepare_for_int8"]

_log = logging.getLogger(__name__)

_HEADS: Final = ("dense_head.", "track_head.")


def prepare_for_int8(
    student: Student, pictures: Callable[[], Iterator[NDArray[np.uint8]]], detect: Graph, limit: int = 48, seed: int = 0
) -> Student:
    """A copy of the student that computes nearly the same, with weights that int8 holds exactly.

    pictures: for calibration, the first `limit` are used. detect: the float graph, which says where the people are.
    """
    spec = student.spec

    def some() -> Iterator[NDArray[np.uint8]]:
        return (picture for _, picture in zip(range(limit), pictures(), strict=False))

    images = [_first(image) for (image,) in detect_inputs(spec, some())]
    crops = [_first(crop) for (crop,) in track_inputs(spec, some(), detect, per_picture=1, seed=seed)]
    rois = max(spec.roi_batches)
    weights = [
        (torch.from_numpy(wy), torch.from_numpy(wx))
        for _, wy, wx in dense_inputs(spec, some(), detect, rois, rois, seed)
    ]
    whole = tuple(_detect(image) for image in images)
    dense = tuple(_dense(image, wy, wx) for image, (wy, wx) in zip(images, weights, strict=True))
    track = tuple(_track(crop) for crop in crops)

    equal = equalise(student, (*dense, *track))
    order = _order(equal, (dense[0], track[0]))
    sections = (
        Section(tuple(name for name in order if not name.startswith(_HEADS)), whole),
        *(
            Section(tuple(name for name in order if name.startswith(head)), batches)
            for head, batches in zip(_HEADS, (dense, track), strict=True)
        ),
    )
    return _student(round_weights(equal, sections))


def _first(array: NDArray[np.float32]) -> Tensor:
    """NHWC to NCHW."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def _detect(image: Tensor) -> Batch:
    return lambda network: _student(network).detect(image)


def _dense(image: Tensor, wy: Tensor, wx: Tensor) -> Batch:
    # The dense head is rounded when what lies before it is done: each network's features are computed once.
    known: weakref.WeakKeyDictionary[nn.Module, Tensor] = weakref.WeakKeyDictionary()

    def run(network: nn.Module) -> None:
        if network not in known:
            known[network] = _student(network).detect(image)["features"]
        _student(network).dense(known[network], wy, wx)

    return run


def _track(crop: Tensor) -> Batch:
    return lambda network: _student(network).track(crop)


def _student(network: nn.Module) -> Student:
    assert isinstance(network, Student)
    return network


def _order(student: Student, batches: tuple[Batch, ...]) -> list[str]:
    """Names of all convolutions in the order in which they first run."""
    names: dict[str, None] = {}
    handles = [
        module.register_forward_hook(lambda *_, name=name: names.setdefault(name))
        for name, module in student.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    run_hooked(student, batches, handles)
    return list(names)
