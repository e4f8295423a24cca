import numpy as np
import pytest
import torch

from densepose_mobile.parts import COARSE_NAMES, FINE_TO_COARSE, MIRROR, MIRROR_FLIPS_U, NUM_PARTS
from densepose_mobile.train.data.augment import mirror
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN, UNKNOWN_PART
from densepose_mobile.train.models.inpainting import InpaintingNet, mask_planes


@pytest.fixture
def net() -> InpaintingNet:
    torch.manual_seed(0)
    return InpaintingNet(width=8, crop_size=64).eval()


def test_planes_say_what_the_codes_say() -> None:
    codes = torch.tensor([[[0, UNKNOWN, UNKNOWN_PART, COARSE + 3, PART_ONLY + 1, 24]]], dtype=torch.uint8)
    planes = mask_planes(codes)[0, :, 0]
    assert planes.argmax(0).tolist() == [0, 0, 15, 3, COARSE_NAMES.index("torso"), COARSE_NAMES.index("head")]
    assert planes[16].tolist() == [0, 0, 1, 1, 1, 1]
    assert planes.sum(0).tolist() == [1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("size", [64, 96])
def test_maps_have_half_the_crops_side(net: InpaintingNet, size: int) -> None:
    codes = torch.full((2, size // 2, size // 2), UNKNOWN_PART, dtype=torch.uint8)
    with torch.no_grad():
        maps = net(torch.rand(2, 3, size, size), mask_planes(codes))
    assert {name: tuple(value.shape) for name, value in maps.items()} == dict.fromkeys(
        ("parts", "u", "v"), (2, NUM_PARTS, size // 2, size // 2)
    )


def test_the_mirror_image_is_seen_alike(net: InpaintingNet) -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((32, 32, 4), np.uint8)
    labels[..., 0] = rng.choice([0, UNKNOWN_PART, *(COARSE + FINE_TO_COARSE[1:]), PART_ONLY + 3], (32, 32))
    image = torch.from_numpy(rng.uniform(-1, 1, (1, 3, 64, 64)).astype(np.float32))
    planes, turned = (
        mask_planes(torch.from_numpy(np.ascontiguousarray(some[None, ..., 0]))) for some in (labels, mirror(labels))
    )
    with torch.no_grad():
        plain, mirrored = net.both_ways(image, planes), net.both_ways(image.flip(3), turned)
    channels = MIRROR[1:].astype(int) - 1
    torch.testing.assert_close(mirrored["parts"].flip(3)[:, channels], plain["parts"])
    u = mirrored["u"].flip(3)[:, channels]
    flipped = torch.from_numpy(MIRROR_FLIPS_U[1:])[:, None, None]
    torch.testing.assert_close(torch.where(flipped, 1 - u, u), plain["u"])
