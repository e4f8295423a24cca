from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet50

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.teacher.backbone import ResNet, make_backbone
from densepose_mobile.train.models.teacher.spec import TeacherSpec


@pytest.mark.parametrize("norm", ["frozen_batch", "group"])
def test_resnet_gives_four_strides(norm: str) -> None:
    backbone = ResNet("resnet50", norm).eval()
    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, 64, 64))
    assert [tuple(f.shape[1:]) for f in features] == [(256, 16, 16), (512, 8, 8), (1024, 4, 4), (2048, 2, 2)]
    assert tuple(f.shape[1] for f in features) == backbone.channels


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_torchvision_weights_give_torchvision_features(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    net = resnet50(weights=None).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
    path = tmp_path / f"resnet50{suffix}"
    if suffix == ".pth":
        torch.save(net.state_dict(), path)
    else:
        save_file(net.state_dict(), path)
    backbone = ResNet("resnet50", "frozen_batch").eval()
    backbone.load(path)
    pictures = torch.rand(1, 3, 64, 64)  # 0..1
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        x = (pictures - mean[:, None, None]) / deviation[:, None, None]
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        want = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        got = backbone(pictures * 2 - 1)[3]
    torch.testing.assert_close(got, want, atol=1e-3 * float(want.abs().max()), rtol=1e-3)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "resnet50.pth"
    with pytest.raises(AssetError, match=r"resnet50\.pth do not exist"):
        ResNet("resnet50", "group").load(path)
    torch.save(resnet50(weights=None).state_dict(), path)
    with pytest.raises(AssetError, match="backbone_norm: group"):
        ResNet("resnet50", "group").load(path)


def test_frozen_stages_get_no_gradient_and_the_others_do() -> None:
    backbone = ResNet("resnet50", "group", frozen_stages=1)
    backbone(torch.randn(1, 3, 64, 64))[3].sum().backward()
    touched = {".".join(name.split(".")[:2]) for name, p in backbone.named_parameters() if p.grad is not None}
    assert touched == {"stages.1", "stages.2", "stages.3"}


def test_mobile_backbone_has_the_width_of_its_name() -> None:
    assert make_backbone(replace(TeacherSpec(), backbone="mobilenet_v2_1.75")).channels == (40, 56, 168, 560)
