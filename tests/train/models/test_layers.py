import torch
from torch.nn import functional

from densepose_mobile.train.models.layers import downsample, upsample


def test_downsampling_is_the_mean_of_four_cells() -> None:
    x = torch.randn(2, 3, 6, 10, generator=torch.Generator().manual_seed(0), requires_grad=True)
    torch.testing.assert_close(downsample(x), functional.avg_pool2d(x, 2))
    (gradient,) = torch.autograd.grad(downsample(x).sum(), x)
    torch.testing.assert_close(gradient, torch.full_like(x, 0.25))


def test_upsampling_keeps_a_ramp_and_its_place() -> None:
    ramp = torch.arange(8.0)[None, None, None].repeat(1, 1, 2, 1)
    fine = upsample(ramp)[0, 0, 1]
    torch.testing.assert_close(fine[1:-1], torch.arange(0.25, 7.0, 0.5))
