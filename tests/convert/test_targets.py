"""Every target takes the tiny student's graphs and computes what torch computes."""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from densepose_mobile.bundle import Bundle
from densepose_mobile.bundle.manifest import SUFFIXES
from densepose_mobile.calibration.inputs import GraphInputs
from densepose_mobile.calibration.sensitivity import SqnrMeter
from densepose_mobile.convert.coreml import to_coreml
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.executorch import to_executorch
from densepose_mobile.convert.network import Network, calls_of
from densepose_mobile.convert.onnx import to_onnx
from densepose_mobile.convert.pipeline import convert_target, load_graphs
from densepose_mobile.convert.targets import TARGETS, choose_targets
from densepose_mobile.errors import BackendUnavailable, InputError
from densepose_mobile.spec import GraphSpec, TensorSpec

from .conftest import SPEC, Lowered, draw_pictures

LEAST = {"fp32": 90, "fp16": 45, "int8": 20}
"""dB of SQNR."""


def _calls(network: Network, graph: GraphSpec) -> Iterator[GraphInputs]:
    """Inputs as on the device, their pictures at the 256 levels that a picture has."""
    calls = calls_of(SPEC, graph, lambda: draw_pictures(2), network.reference(SPEC.detect()))
    for arrays in calls:
        if graph.inputs[0].name == "image":
            yield ((np.rint(arrays[0] * 127.5 + 127.5) - 127.5).astype(np.float32) / np.float32(127.5),)
        else:
            yield arrays


@pytest.mark.parametrize("graph", SPEC.graphs(), ids=lambda graph: graph.name)
@pytest.mark.parametrize("name", TARGETS)
def test_every_target_computes_what_torch_computes(
    network: Network, lowered: Lowered, name: str, graph: GraphSpec
) -> None:
    target = TARGETS[name]
    graphs, coverage = lowered(name)
    assert (coverage[graph.name].partitions, coverage[graph.name].outside) == (1, ())
    _, loaded, run = load_graphs(target, network, graphs)
    if not loaded:
        assert target.device_only
        assert run == "lowered, not run"
        return
    meters = {tensor.name: SqnrMeter() for tensor in graph.outputs}
    for arrays in _calls(network, graph):
        pairs = zip(meters.values(), network.reference(graph)(*arrays), loaded[graph.name](*arrays), strict=True)
        for meter, expected, found in pairs:
            meter.add(expected, found)
    least = LEAST[target.precision]
    assert all(meter.db > least for meter in meters.values()), {name: meter.db for name, meter in meters.items()}


def test_what_cannot_run_here_has_golden_outputs_of_torch(network: Network, lowered: Lowered, tmp_path: Path) -> None:
    name = "executorch-vulkan-fp32"
    target = replace(TARGETS[name], converter=lambda _, graph: lowered(name)[0][graph.name])
    converted = convert_target(target, network, tmp_path / "tiny.dpm", "tiny", {}, lambda: draw_pictures(1))
    assert converted.run == "lowered, not run"
    assert "chain" not in converted.figures
    golden = Bundle.open(tmp_path / "tiny.dpm").golden
    outputs = network.reference(SPEC.track())(golden["track/image"].astype(np.float32))
    for tensor, output in zip(SPEC.track().outputs, outputs, strict=True):
        np.testing.assert_allclose(golden[f"track/{tensor.name}"], output, atol=0.2)


def test_targets_are_named_after_families_of_bundles() -> None:
    for name, target in TARGETS.items():
        assert target.family in SUFFIXES
        assert f"{target.family}-{target.precision}" == name
        assert target.obstacle is None
        assert target.versions().keys() == set(target.packages)


def test_targets_are_chosen_by_name() -> None:
    assert choose_targets("all") == tuple(TARGETS.values())
    chosen = choose_targets("onnx-fp32, litert-fp16,onnx-fp32")
    assert [target.name for target in chosen] == ["onnx-fp32", "litert-fp16"]
    with pytest.raises(InputError, match="is it 'onnx-fp32'"):
        choose_targets("onnx-fp3")
    with pytest.raises(InputError, match="no target"):
        choose_targets(" ,")


def test_a_missing_extra_is_one_line_that_installs_it(network: Network) -> None:
    target = replace(TARGETS["onnx-fp32"], requires=("onnx", "no_such_converter"))
    expected = r'needs no_such_converter, .*: pip install "densepose-mobile\[convert-onnx\]"$'
    with pytest.raises(ConversionError, match=expected):
        target.lower(network, SPEC.detect())

    def unfinished(network: Network, graph: GraphSpec) -> bytes:
        import no_such_converter  # type: ignore[import-not-found]

        return bytes(no_such_converter)

    with pytest.raises(ConversionError, match=expected):
        replace(TARGETS["onnx-fp32"], converter=unfinished).lower(network, SPEC.detect())


def test_a_runtime_that_should_be_here_and_is_not_is_an_error(network: Network, lowered: Lowered) -> None:
    graphs, _ = lowered("executorch-vulkan-fp32")
    with pytest.raises(BackendUnavailable, match="Vulkan"):
        load_graphs(replace(TARGETS["executorch-vulkan-fp32"], device_only=False), network, graphs)


def test_int8_needs_a_calibration(network: Network) -> None:
    with pytest.raises(InputError, match="--calibration"):
        TARGETS["litert-int8"].lower(replace(network, quantisation=None), SPEC.detect())


def test_unknown_delegates_are_refused() -> None:
    with pytest.raises(ConversionError, match="xnnpack, coreml, vulkan"):
        to_executorch(nn.Identity(), SPEC.detect(), "qualcomm")  # type: ignore[arg-type]


def test_a_core_ml_graph_says_what_it_takes(lowered: Lowered) -> None:
    from coremltools.proto import Model_pb2

    graphs, _ = lowered("coreml-fp16")
    for graph in SPEC.graphs():
        with zipfile.ZipFile(io.BytesIO(graphs[graph.name])) as archive:
            names = archive.namelist()
            model = Model_pb2.Model.FromString(archive.read(next(n for n in names if n.endswith(".mlmodel"))))
        assert {name.partition("/")[0] for name in names} == {f"{graph.name}.mlpackage"}
        description = model.description
        assert [tensor.name for tensor in description.output] == [tensor.name for tensor in graph.outputs]
        for tensor, found in zip(graph.inputs, description.input, strict=True):
            assert found.name == tensor.name
            assert found.shortDescription
            if tensor.name == "image":
                picture = found.type.imageType
                assert (picture.height, picture.width) == tensor.shape[1:3]
                assert picture.ColorSpace.Name(picture.colorSpace) == "RGB"
            else:
                array = found.type.multiArrayType
                assert tuple(array.shape) == tensor.shape
                assert array.ArrayDataType.Name(array.dataType) == "FLOAT32"
        notes = dict(description.metadata.userDefined)
        assert notes["atlas_id"] == "a" * 64
        assert notes["level_strides"] == "8 16 32"
        assert (description.metadata.license, description.metadata.versionString) == ("Apache-2.0", "1.2.3")
        assert description.metadata.author
        assert description.metadata.shortDescription


SMALL = GraphSpec("small", (TensorSpec("image", (1, 8, 8, 3)),), (TensorSpec("y", (1, 8, 8, 3)),))


class _Halved(nn.Module):
    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor]:
        return (image * 0.5,)


@pytest.mark.parametrize("convert", [to_onnx, to_coreml], ids=["onnx", "coreml"])
def test_equal_graphs_give_equal_bytes_without_traces_of_this_machine(
    convert: Callable[[nn.Module, GraphSpec], bytes],
) -> None:
    model = convert(_Halved().eval(), SMALL)
    assert convert(_Halved().eval(), SMALL) == model
    assert __file__.encode() not in model
    assert b"site-packages" not in model
