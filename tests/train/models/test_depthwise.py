import pytest
import torch
from torch.nn import functional

from densepose_mobile.train.models.depthwise import depthwise_conv


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1)])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_values_and_gradients_equal_the_plain_convolution(kernel: int, stride: int, bfloat16: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 8, 12, generator=generator).to(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(6, 1, kernel, kernel, generator=generator, requires_grad=True)
    bias = torch.randn(6, generator=generator, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        ours = depthwise_conv(x, weight, bias, stride)
    padded = functional.pad(x, (0, 1, 0, 1)) if stride == 2 else x
    plain = functional.conv2d(padded, weight, bias, stride, 0 if stride == 2 else kernel // 2, 1, 6)
    probe = torch.randn(plain.shape, generator=generator)
    got = torch.autograd.grad((ours.float() * probe).sum(), (x, weight, bias))
    want = torch.autograd.grad((plain * probe).sum(), (x, weight, bias))
    tolerance = 0.03 if bfloat16 else 1e-4
    torch.testing.assert_close(ours.float(), plain, atol=tolerance * 3, rtol=tolerance)
    for g, w in zip(got, want, strict=True):
        assert (g - w).abs().max() <= tolerance * w.abs().max()
