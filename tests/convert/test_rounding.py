"""Rounding weights so that outputs change least."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.rounding import Section, round_weights


class Network(nn.Module):
    """A pointwise, a depthwise stride-2 and a dense convolution, with strongly correlated inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Conv2d(6, 12, 1)
        self.depth = nn.Conv2d(12, 12, 3, 2, 0, groups=12)
        self.full = nn.Conv2d(12, 4, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu6(self.point(x))
        x = functional.relu6(self.depth(functional.pad(x, (0, 1, 0, 1))))
        return self.full(x)


LAYERS = ("point", "depth", "full")


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network().eval()


def _data(seed: int, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(6, 2, generator=torch.Generator().manual_seed(9))
    pictures = [
        torch.einsum("cd,bdhw->bchw", mix, torch.randn(2, 2, 12, 12, generator=generator)) for _ in range(count)
    ]
    return [picture + 0.05 * torch.randn(picture.shape, generator=generator) for picture in pictures]


def _section(pictures: list[torch.Tensor]) -> Section:
    return Section(LAYERS, tuple((lambda net, x=x: net(x)) for x in pictures))


def _nearest(network: Network) -> Network:
    result = Network()
    result.load_state_dict(network.state_dict())
    for name in LAYERS:
        layer = result.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        step = layer.weight.detach().flatten(1).abs().amax(1)[:, None, None, None] / 127
        layer.weight.data = (layer.weight.data / step).round() * step
    return result.eval()


def test_rounded_weights_lie_on_the_grid_that_their_largest_one_spans(network: Network) -> None:
    rounded = round_weights(network, [_section(_data(0, 8))])
    for name in LAYERS:
        weight = rounded.get_submodule(name).weight.detach().double().flatten(1)  # type: ignore[union-attr, operator]
        steps = weight / (weight.abs().amax(1, keepdim=True) / 127)
        assert (steps - steps.round()).abs().max() < 1e-3
        assert (steps.round().abs().amax(1) == 127).all()


def test_unseen_outputs_change_far_less_than_with_nearest_rounding(network: Network) -> None:
    rounded, nearest = round_weights(network, [_section(_data(0, 16))]), _nearest(network)
    errors = {"rounded": 0.0, "nearest": 0.0}
    with torch.inference_mode():
        for x in _data(1, 4):
            errors["rounded"] += float((rounded(x) - network(x)).square().sum())
            errors["nearest"] += float((nearest(x) - network(x)).square().sum())
    assert errors["rounded"] < 0.5 * errors["nearest"]


def test_the_network_itself_stays_as_it_was(network: Network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    round_weights(network, [_section(_data(0, 2))])
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_layers_that_cannot_be_rounded_are_named(network: Network) -> None:
    batches = _section(_data(0, 1)).batches
    with pytest.raises(ConversionError, match="no calibration batch reaches layer full"):
        round_weights(network, [Section(("full",), (lambda net: net.point(_data(0, 1)[0]),))])
    network.bare = nn.Conv2d(6, 2, 1, bias=False)
    with pytest.raises(ConversionError, match="bare"):
        round_weights(network, [Section(("bare",), batches)])
