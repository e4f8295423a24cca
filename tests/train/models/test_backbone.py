from pathlib import Path

import numpy as np
import pytest
import torch

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.backbone import ConvAct, MobileNetV2
from densepose_mobile.train.models.movenet import WEIGHT_FILES, load_movenet
from densepose_mobile.train.models.student import Student


@pytest.fixture(scope="module")
def movenet(assets: Path) -> Path:
    path = assets / "weights" / WEIGHT_FILES[1.0]
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    return path


def test_stride_two_pads_right_and_bottom_as_tensorflow_same() -> None:
    layer = ConvAct(1, 1, 3, 2, act=False)
    torch.nn.init.zeros_(layer.conv.bias)
    layer.conv.weight.data = torch.arange(9.0).reshape(1, 1, 3, 3)
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 0, 0] = 1
    out = layer(image)
    assert out.shape == (1, 1, 4, 4)
    assert out[0, 0, 0, 0] == 0  # the first tap: nothing is padded on the left
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 7, 7] = 1
    assert layer(image)[0, 0, 3, 3] == 4  # the centre tap sits on the last pixel; the ninth tap is padding


def test_pretrained_weights_reach_every_layer(movenet: Path) -> None:
    backbone = MobileNetV2()
    before = {name: value.clone() for name, value in backbone.named_parameters()}
    load_movenet(backbone, movenet)
    assert all(not torch.equal(before[name], value) for name, value in backbone.named_parameters())
    with np.load(movenet) as arrays:
        depthwise = arrays["backbone/block_3_depthwise/depthwise_weights"]
    got = backbone.blocks()[3].depthwise.conv.weight.detach().numpy()
    np.testing.assert_array_equal(got[5, 0], depthwise[:, :, 5, 0].astype(np.float32))


def test_pretrained_features_live(movenet: Path) -> None:
    backbone = MobileNetV2()
    load_movenet(backbone, movenet)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 96), torch.linspace(-1, 1, 96), indexing="ij")
    with torch.no_grad():
        features = backbone(torch.stack([yy, xx, yy * xx])[None])
    assert [tuple(f.shape[1:]) for f in features] == [(24, 24, 24), (32, 12, 12), (96, 6, 6), (320, 3, 3)]
    assert all(0.05 < f.std() < 50 for f in features)


@pytest.mark.parametrize(("width", "channels"), [(1.0, (24, 32, 96, 320)), (1.75, (40, 56, 168, 560))])
def test_stages_have_the_channels_of_their_width(width: float, channels: tuple[int, ...]) -> None:
    backbone = MobileNetV2(width=width)
    assert backbone.channels == channels
    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, 32, 32))
    assert tuple(feature.shape[1] for feature in features) == channels


def test_wide_pretrained_backbone_computes_what_its_file_says(assets: Path) -> None:
    """The first layer against a convolution written out, and features that are the file's and not chance's."""
    path = assets / "weights" / WEIGHT_FILES[1.75]
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    torch.manual_seed(0)
    backbone = MobileNetV2(width=1.75)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    image = torch.stack([yy, xx, (9 * yy).sin() * (7 * xx).cos()])
    with torch.no_grad():
        by_chance = backbone(image[None])
        load_movenet(backbone, path)
        features = backbone(image[None])
        first = backbone.stem[0](image[None])[0].numpy()
    assert all(0.2 < float(feature.std()) < 20 for feature in features)
    assert all(float((a - b).abs().mean()) > 0.1 for a, b in zip(features, by_chance, strict=True))
    with np.load(path) as arrays:
        kernel = arrays["backbone/Conv1/Conv2D_weights"].astype(np.float32)
        shift = arrays["backbone/Conv1/Conv2D_bn_offset"].astype(np.float32)
    padded = np.pad(image.permute(1, 2, 0).numpy(), ((0, 1), (0, 1), (0, 0)))
    for row, column in ((0, 0), (7, 20), (31, 31)):
        window = padded[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        want = np.clip((window[..., None] * kernel).sum((0, 1, 2)) + shift, 0, 6)
        np.testing.assert_allclose(first[:, row, column], want, atol=1e-4)


def test_weights_of_another_width_are_refused(movenet: Path) -> None:
    with pytest.raises(AssetError, match=r"\(32, 3, 3, 3\), expected \(56, 3, 3, 3\).*movenet_thunder"):
        load_movenet(MobileNetV2(width=1.75), movenet)


def test_missing_or_wrong_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"nothing\.npz"):
        load_movenet(MobileNetV2(), tmp_path / "nothing.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(AssetError, match="Conv1"):
        load_movenet(MobileNetV2(), tmp_path / "other.npz")


def test_frozen_stages_get_no_gradient_and_the_others_do() -> None:
    backbone = MobileNetV2(frozen_stages=2)
    backbone.train()
    backbone(torch.randn(1, 3, 32, 32))[3].sum().backward()
    touched = {name.split(".")[0] + name.split(".")[1] for name, p in backbone.named_parameters() if p.grad is not None}
    assert touched == {"stages2", "stages3"}


def test_pyramid_starts_unsaturated_on_pretrained_features(assets: Path) -> None:
    path = assets / "weights" / WEIGHT_FILES[1.5]
    if not path.is_file():
        pytest.skip(f"{path} is missing: `densepose-mobile data movenet` makes it")
    torch.manual_seed(0)
    student = Student()
    student.load_pretrained(path)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 192), torch.linspace(-1, 1, 192), indexing="ij")
    with torch.no_grad():
        levels = student.pyramid(student.backbone(torch.stack([yy, xx, (9 * yy).sin() * (7 * xx).cos()])[None]))
    assert all(float((level >= 6).float().mean()) < 0.15 for level in levels)
