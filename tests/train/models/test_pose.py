from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import AssetError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.pose import PoseBranch
from densepose_mobile.train.models.student import Student

from .movenet_file import random_weights


@pytest.mark.parametrize("width", [1.0, 1.75])
def test_adds_features_at_stride_four_and_teaches_the_backbone(width: float) -> None:
    torch.manual_seed(0)
    backbone = MobileNetV2(width=width)
    branch = PoseBranch(backbone, 16)
    added, _ = branch(backbone.levels(torch.rand(2, 3, 64, 96) * 2 - 1))
    assert added.shape == (2, 16, 16, 24)
    added.square().sum().backward()
    first = backbone.stem[0].conv.weight.grad
    assert first is not None
    assert first.abs().max() > 0


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    random_weights(tmp_path / "movenet.npz", 1.0)
    with pytest.raises(AssetError, match=r"of width 1\.0, a student begins with movenet_multipose"):
        Student(ModelSpec(detect_size=64, track_size=96)).load_pretrained(tmp_path / "movenet.npz")


def test_pretrained_student_sees_the_joints_that_movenet_sees(tmp_path: Path) -> None:
    net = random_weights(tmp_path / "movenet.npz", 1.5)
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=16), head_width=16).eval()
    student.load_pretrained(tmp_path / "movenet.npz")
    image = torch.rand(1, 3, 96, 96) * 2 - 1
    with torch.no_grad():
        features = student.backbone.levels(image)
        _, joints = student.pose(features)
        torch.testing.assert_close(student.pose.heatmaps(joints), net.maps(image)["kpt_heatmap_0"])


@pytest.mark.parametrize(("stages", "trained"), [(3, True), (4, False)])
def test_a_wholly_frozen_backbone_freezes_what_was_pretrained_with_it(stages: int, trained: bool) -> None:
    torch.manual_seed(0)
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=16), head_width=16).train()
    student.freeze(stages)
    sum(value.square().sum() for value in student.detect(torch.rand(1, 3, 64, 64)).values()).backward()
    for module in (student.backbone.stages[3], student.pose.pyramid, student.pose.heatmaps):
        assert all((parameter.grad is not None) == trained for parameter in module.parameters())
    for module in (student.pose.project, student.detector, student.pyramid):
        assert all(parameter.grad is not None for parameter in module.parameters())
