"""From a checkpoint to a verified bundle, on a student of a few layers."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from densepose_mobile.bundle import Bundle
from densepose_mobile.calibration.dataset import CalibrationSet, write_calibration_set
from densepose_mobile.calibration.inputs import detect_inputs
from densepose_mobile.calibration.pictures import PictureSources
from densepose_mobile.calibration.sensitivity import sqnr_db
from densepose_mobile.calibration.statistics import collect_ranges
from densepose_mobile.convert import command
from densepose_mobile.convert.delegates import require_one_delegate
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import read_graph, record_activations
from densepose_mobile.convert.golden import draw_figure
from densepose_mobile.convert.litert import to_litert
from densepose_mobile.convert.pipeline import Quantisation, convert_graphs, torch_runner
from densepose_mobile.convert.quantise import float_operators, layers, to_float16, to_int8
from densepose_mobile.errors import InputError
from densepose_mobile.runtime import open_runtime
from densepose_mobile.spec import GraphSpec, TensorSpec
from densepose_mobile.train.models.graphs import graph_module

from .conftest import SPEC, TinyStudent, draw_pictures


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> CalibrationSet:
    folder = tmp_path_factory.mktemp("pictures")
    for i, picture in enumerate(draw_pictures()):
        cv2.imwrite(str(folder / f"{i}.png"), picture)
    return write_calibration_set(PictureSources((folder,)), folder.parent / "calibration", 6)


def _runners(tiny: TinyStudent, models: dict[str, bytes], graph: GraphSpec) -> Any:
    reference = torch_runner(graph_module(tiny, graph))  # type: ignore[arg-type]
    return reference, open_runtime("litert", threads=1).load(graph, models[graph.name])


def _arrays(graph: GraphSpec) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random(tensor.shape, np.float32) for tensor in graph.inputs]


@pytest.mark.parametrize("graph", SPEC.graphs(), ids=lambda graph: graph.name)
def test_float_graphs_compute_what_torch_computes(
    tiny: TinyStudent, floats: dict[str, bytes], graph: GraphSpec
) -> None:
    reference, converted = _runners(tiny, floats, graph)
    arrays = _arrays(graph)
    for name, a, b in zip(graph.outputs, reference(*arrays), converted(*arrays), strict=True):
        assert sqnr_db(a, b) > 90, name


@pytest.mark.parametrize(("precision", "least"), [("fp16", 50), ("int8", 20)])
def test_lower_precisions_stay_close_and_on_one_delegate(
    tiny: TinyStudent, floats: dict[str, bytes], calibration: CalibrationSet, precision: str, least: float
) -> None:
    models = convert_graphs(SPEC, floats, precision, Quantisation(calibration, refit=0))
    for graph in SPEC.graphs():
        require_one_delegate(graph.name, models[graph.name])
        assert len(models[graph.name]) != len(floats[graph.name])
    reference, converted = _runners(tiny, models, SPEC.detect())
    for (image,) in detect_inputs(SPEC, draw_pictures(2)):
        for tensor, a, b in zip(SPEC.detect().outputs, reference(image), converted(image), strict=True):
            assert sqnr_db(a, b) > least, tensor.name


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
        require_one_delegate("pooled", to_int8(model, ranges))


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


def test_int8_needs_a_calibration_and_precisions_are_known(floats: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="--calibration"):
        convert_graphs(SPEC, floats, "int8", None)
    with pytest.raises(InputError, match="int8, fp16, fp32"):
        convert_graphs(SPEC, floats, "int4", None)


def test_the_command_writes_a_bundle_that_verifies(
    tiny: TinyStudent,
    checkpoint: Path,
    cache: Path,
    floats: dict[str, bytes],
    calibration: CalibrationSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    header = {"recipe": {"name": "tiny"}, "seed": 3, "data": {"pictures": 9}, "metrics": {"loss": 1.0}}
    monkeypatch.setattr(command, "load_student", lambda path: (tiny, header))
    monkeypatch.setattr(command, "Atlas", SimpleNamespace(load=lambda: SimpleNamespace(id="a" * 64)))
    out, report, card = tmp_path / "tiny.dpm", tmp_path / "parity.json", tmp_path / "card.md"
    common = [str(checkpoint), "--calibration", str(calibration.folder), "--refit", "0", "--cache", str(cache)]
    common += ["--report", str(report), "--card", str(card)]
    result = CliRunner().invoke(command.app, [*common, "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(
        command.app, [*common, "--out", str(tmp_path / "tiny-fp16.dpm"), "--precision", "fp16"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output

    bundle = Bundle.open(out)
    assert bundle.manifest.target == "litert-int8"
    assert bundle.manifest.atlas_id == "a" * 64
    assert bundle.manifest.provenance["training"]["seed"] == 3
    assert bundle.manifest.quantisation["calibration"]["id"] == calibration.id
    assert all(deviation.passed for deviation in bundle.verify(open_runtime("litert", threads=1)))
    figures = json.loads(report.read_text())["bundles"]
    assert set(figures) == {"tiny litert-int8", "tiny-fp16 litert-fp16"}
    assert figures["tiny litert-int8"]["command"].startswith("densepose-mobile")
    assert set(figures["tiny litert-int8"]) >= {"pictures", "detect", "dense_2", "track", "chain"}
    fp16 = figures["tiny-fp16 litert-fp16"]["chain"]["outputs"]["parts"]["sqnr_db"]
    assert fp16 > figures["tiny litert-int8"]["chain"]["outputs"]["parts"]["sqnr_db"]
    assert "tiny-fp16 0.1.0 (litert-fp16)" in card.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.md", "parity.json", "tiny-fp16.dpm", "tiny.dpm"]


def test_the_golden_figure_is_the_same_everywhere() -> None:
    figure = draw_figure(64)
    assert figure.shape == (64, 64, 3)
    np.testing.assert_array_equal(figure, draw_figure(64))
    assert figure[32, 32, 2] > figure[32, 32, 0]  # a blue shirt in the middle
