"""Quantising graphs, and one target from the network to a bundle that verifies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from densepose_mobile.bundle import Bundle
from densepose_mobile.calibration.inputs import detect_inputs
from densepose_mobile.calibration.statistics import collect_ranges
from densepose_mobile.convert.coverage import coverage_of
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import read_graph, record_activations
from densepose_mobile.convert.golden import draw_figure
from densepose_mobile.convert.litert import to_litert
from densepose_mobile.convert.network import Network
from densepose_mobile.convert.pipeline import convert_target
from densepose_mobile.convert.quantise import float_operators, layers, to_float16, to_int8
from densepose_mobile.convert.targets import TARGETS
from densepose_mobile.runtime import open_runtime
from densepose_mobile.spec import GraphSpec, TensorSpec

from .conftest import SPEC, Lowered, TinyStudent, draw_pictures


def _arrays(graph: GraphSpec) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random(tensor.shape, np.float32) for tensor in graph.inputs]


def test_roi_pooling_stays_float_and_the_rest_does_not(floats: dict[str, bytes]) -> None:
    graph = read_graph(floats["dense_2"])
    kept = [operator.kind for operator in float_operators(graph)]
    assert kept.count("BATCH_MATMUL") == 2
    assert not {"CONV_2D", "RESIZE_BILINEAR"} & set(kept)
    ranges = collect_ranges(record_activations(floats["dense_2"], [tuple(_arrays(SPEC.dense(2)))]))
    kinds = [operator.kind for operator in read_graph(to_int8(floats["dense_2"], ranges)).operators]
    assert kinds.count("QUANTIZE") == 1  # after the RoI pooling
    assert kinds.count("DEQUANTIZE") == 5  # before each of the outputs


def test_an_operator_without_an_int8_kernel_is_found_out() -> None:
    graph = GraphSpec("pooled", (TensorSpec("x", (1, 8, 8, 4)),), (TensorSpec("y", (1, 4, 4, 4)),))
    layers = nn.Sequential(nn.Conv2d(4, 4, 1), nn.AvgPool2d(2), nn.Conv2d(4, 4, 1))
    model = to_litert(_Tuple(_ChannelsLast(layers)).eval(), graph)
    ranges = collect_ranges(record_activations(model, [tuple(_arrays(graph))]))
    with pytest.raises(ConversionError, match=r"pooled.*AVERAGE_POOL_2D"):
        coverage_of("litert", "pooled", to_int8(model, ranges)).require_whole("pooled")


def test_kept_layers_are_float_and_unknown_ones_refused(floats: dict[str, bytes]) -> None:
    model = floats["detect"]
    ranges = collect_ranges(record_activations(model, detect_inputs(SPEC, draw_pictures(1))))
    names = layers(model)
    assert len(to_int8(model, ranges, names[:1])) > len(to_int8(model, ranges))
    with pytest.raises(ConversionError, match="no operator 'nothing'"):
        to_int8(model, ranges, ["nothing"])
    with pytest.raises(ConversionError, match="no calibrated range"):
        to_int8(model, dict(list(ranges.items())[:-1]))
    with pytest.raises(ConversionError, match="cannot be quantised"):
        to_float16(b"no graph at all, but long enough to look like one")


def test_modules_that_do_not_fit_their_spec_are_refused() -> None:
    wrong = GraphSpec("wrong", (TensorSpec("x", (1, 4)),), (TensorSpec("y", (1, 5)),))
    with pytest.raises(ConversionError, match="its spec says"):
        to_litert(_Tuple(nn.Identity()).eval(), wrong)


class _Tuple(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.module(x),)


class _ChannelsLast(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def test_a_bundle_verifies_and_says_how_it_was_made(network: Network, tmp_path: Path) -> None:
    out = tmp_path / "tiny.dpm"
    header = {"recipe": {"name": "tiny"}, "seed": 3, "data": {"pictures": 9}, "metrics": {"loss": 1.0}}
    target = TARGETS["litert-int8"]
    converted = convert_target(target, network, out, "tiny", header, lambda: draw_pictures(2))
    bundle = Bundle.open(out)
    manifest = bundle.manifest
    assert (manifest.name, manifest.version, manifest.target) == ("tiny", "1.2.3", "litert-int8")
    assert manifest.atlas_id == "a" * 64
    assert manifest.provenance["training"]["seed"] == 3
    assert manifest.provenance["tools"] == target.versions()
    assert network.quantisation is not None
    assert manifest.quantisation["calibration"]["id"] == network.quantisation.calibration.id
    assert manifest.metrics["training"] == {"loss": 1.0}
    assert manifest.metrics["parity"] == {"run": "litert", "graphs": converted.figures}
    assert all(deviation.passed for deviation in bundle.verify(open_runtime("litert", threads=1)))
    assert set(converted.figures) == {"detect", "dense_2", "track", "chain"}
    assert converted.figures["detect"]["coverage"]["partitions"] == 1
    assert converted.figures["chain"]["outputs"]["parts"]["sqnr_db"] > 15


def test_a_graph_that_computes_something_else_is_refused(network: Network, checkpoint: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)
    weights = tmp_path / "other.safetensors"
    weights.write_bytes(b"other weights")
    other = replace(network, student=TinyStudent().eval(), checkpoint=weights, cache=tmp_path, _float={})
    swapped = replace(TARGETS["litert-fp32"], converter=lambda _, graph: other.float_graph(graph))
    out = tmp_path / "tiny.dpm"
    out.write_bytes(b"earlier")
    with pytest.raises(ConversionError, match="does not compute what the network does"):
        convert_target(swapped, network, out, "tiny", {}, None)
    assert out.read_bytes() == b"earlier"


def test_a_network_whose_training_went_wrong_is_refused(network: Network, lowered: Lowered, tmp_path: Path) -> None:
    broken = TinyStudent().eval()
    with torch.no_grad():
        broken.presence.weight.fill_(torch.nan)
    name = "executorch-vulkan-fp32"  # not run here: no comparison would show it
    target = replace(TARGETS[name], converter=lambda _, graph: lowered(name)[0][graph.name])
    with pytest.raises(ConversionError, match=r"'presence' of graph 'track' .* no finite numbers.*earlier checkpoint"):
        convert_target(target, replace(network, student=broken), tmp_path / "tiny.dpm", "tiny", {}, None)
    assert list(tmp_path.iterdir()) == []


def test_the_golden_figure_is_the_same_everywhere() -> None:
    figure = draw_figure(64)
    assert figure.shape == (64, 64, 3)
    np.testing.assert_array_equal(figure, draw_figure(64))
    assert figure[32, 32, 2] > figure[32, 32, 0]  # a blue shirt in the middle
