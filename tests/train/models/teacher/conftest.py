import pytest
import torch

from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.spec import TeacherSpec


@pytest.fixture(scope="session")
def tiny_design() -> TeacherSpec:
    return TeacherSpec(
        backbone="mobilenet_v2_1.75",
        fpn_channels=8,
        decoder_channels=16,
        head_width=32,
        head_convs=1,
        dilations=(2, 4),
        keypoint_width=16,
        keypoint_convs=1,
        mask_width=8,
        mask_convs=1,
        box_width=16,
        roi_size=8,
        map_size=16,
        input_size=64,
        crop_size=96,
    )


@pytest.fixture(scope="module")
def teacher(tiny_design: TeacherSpec) -> Teacher:
    torch.manual_seed(0)
    return Teacher(tiny_design).eval()
