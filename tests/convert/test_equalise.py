"""Equalising channels keeps what the network computes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from densepose_mobile.convert.equalise import equalise, pairs_of
from densepose_mobile.convert.rounding import Batch
from densepose_mobile.postprocess.rois import roi_weights
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.student import Student

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8, roi_size=8, map_size=16)


@pytest.fixture(scope="module")
def student() -> Student:
    torch.manual_seed(0)
    student = Student(SPEC, head_width=8).eval()
    for module in student.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            # Channels of very different strength, as in a trained network with folded batch norm.
            strength = torch.logspace(-2, 0, module.out_channels)
            module.weight.data *= strength[torch.randperm(module.out_channels), None, None, None]
    return student


def _run(image: torch.Tensor, crop: torch.Tensor) -> Callable[[Student], dict[str, torch.Tensor]]:
    weights = roi_weights(np.array([[8.0, 8, 56, 60]], np.float32), 16, 4, SPEC.roi_size)
    wy, wx = (torch.from_numpy(array) for array in weights)

    def run(student: Student) -> dict[str, torch.Tensor]:
        found = student.detect(image)
        return {
            **found,
            **student.dense(found["features"], wy, wx),
            **{f"t_{k}": v for k, v in student.track(crop).items()},
        }

    return run


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    torch.manual_seed(1)
    return [_run(torch.rand(1, 3, 64, 64) * 2 - 1, torch.rand(1, 3, 96, 96) * 2 - 1) for _ in range(3)]


def test_the_outputs_stay(student: Student, batches: list[Batch]) -> None:
    equal = equalise(student, batches)
    with torch.inference_mode():
        for batch in batches:
            before, after = batch(student), batch(equal)
            for name, value in before.items():
                assert torch.allclose(after[name], value, rtol=1e-3, atol=1e-4 * float(value.abs().max())), name


def test_channels_come_closer_to_one_range(student: Student, batches: list[Batch]) -> None:
    equal = equalise(student, batches)
    pair = next(pair for pair in pairs_of(student) if not pair.rectified)

    def spread(network: Student) -> float:
        seen: list[torch.Tensor] = []
        layer = network.get_submodule(pair.readers[0])
        handle = layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].abs().amax((0, 2, 3))))
        with torch.inference_mode():
            for batch in batches:
                batch(network)
        handle.remove()
        largest = torch.stack(seen).amax(0)
        return float(largest.max() / largest.min())

    assert spread(student) > 4
    assert spread(equal) < 1.5


def test_every_tensor_between_blocks_is_covered_once(student: Student) -> None:
    pairs = pairs_of(student)
    readers = [name for pair in pairs for name in pair.readers]
    assert len(readers) == len(set(readers))
    writers = {name for pair in pairs for name in pair.writers}
    blocks = {name for name, module in student.backbone.named_modules() if isinstance(module, nn.Conv2d)}
    assert {f"backbone.{name}" for name in blocks} - writers == {"backbone.stem.0.conv"}
