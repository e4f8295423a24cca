"""Finding operators that lie outside of the delegate."""

import io
import zipfile
from collections.abc import Callable

import pytest
import torch
from torch import nn

from densepose_mobile.convert.coreml import to_coreml
from densepose_mobile.convert.coverage import Coverage, coverage_of, left_out
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.executorch import to_executorch
from densepose_mobile.convert.flatbuffer import GraphFile, Operator
from densepose_mobile.convert.litert import to_litert
from densepose_mobile.convert.onnx import to_onnx
from densepose_mobile.spec import GraphSpec, TensorSpec

# 0 -> CONV -> 1 -> POOL -> 2 -> CONV -> 3, and 0 -> ADD -> 4
CONV1, POOL, CONV2 = Operator("CONV", (0,), (1,)), Operator("POOL", (1,), (2,)), Operator("CONV", (2,), (3,))
ADD = Operator("ADD", (0,), (4,))


def _graph(*operators: Operator, outputs: tuple[int, ...] = (3,)) -> GraphFile:
    return GraphFile(operators, (0,), outputs, {i: f"t{i}" for i in range(9)})


@pytest.mark.parametrize(
    ("operators", "outputs", "delegates", "expected"),
    [
        ((CONV1, POOL, CONV2), (3,), (Operator("DELEGATE", (0,), (3,)),), ()),
        ((CONV1, POOL, CONV2, ADD), (3, 4), (Operator("DELEGATE", (0,), (3, 4)),), ()),
        ((CONV1, POOL, CONV2), (3,), (), ("CONV t3",)),
        ((CONV1, POOL, CONV2), (3,), (Operator("DELEGATE", (2,), (3,)),), ("POOL t2",)),
        ((CONV1, POOL, CONV2), (3,), (Operator("DELEGATE", (0,), (2,)),), ("CONV t3",)),
        ((CONV1, POOL, CONV2, ADD), (3, 4), (Operator("DELEGATE", (0,), (3,)),), ("ADD t4",)),
        (
            (CONV1, POOL, CONV2),
            (3,),
            (Operator("DELEGATE", (0,), (1,)), Operator("DELEGATE", (2,), (3,))),
            ("POOL t2",),
        ),
    ],
    ids=["whole", "whole with a branch", "none", "first outside", "last outside", "branch outside", "middle outside"],
)
def test_operators_outside_are_named(
    operators: tuple[Operator, ...],
    outputs: tuple[int, ...],
    delegates: tuple[Operator, ...],
    expected: tuple[str, ...],
) -> None:
    assert left_out(_graph(*operators, outputs=outputs), delegates) == expected


class _Split(nn.Module):
    """A running sum, which no delegate has, between two multiplications."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.cumsum(x * 2, 1) * 3,)


class _Unknown(nn.Module):
    """An operator that no target can express."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.linalg.svd(x)[0] @ x,)


ODD = GraphSpec("odd", (TensorSpec("x", (1, 4, 4, 2)),), (TensorSpec("y", (1, 4, 4, 2)),))
Converter = Callable[[nn.Module, GraphSpec], bytes]


@pytest.mark.parametrize(
    ("family", "convert", "operator"),
    [("litert", to_litert, "CUMSUM"), ("executorch", to_executorch, r"aten::cumsum")],
    ids=["litert", "executorch"],
)
def test_a_graph_in_two_partitions_is_refused_by_the_operator(family: str, convert: Converter, operator: str) -> None:
    coverage = coverage_of(family, "odd", convert(_Split().eval(), ODD))
    assert coverage.partitions == 2
    with pytest.raises(ConversionError, match=rf"'odd' makes 2 partitions.*{operator}"):
        coverage.require_whole("odd")


@pytest.mark.parametrize(
    ("family", "convert", "operators"),
    [("onnx", to_onnx, {"Mul": 2, "CumSum": 1}), ("coreml", to_coreml, {"mul": 2, "cumsum": 1, "cast": 2})],
    ids=["onnx", "coreml"],
)
def test_operators_are_counted(family: str, convert: Converter, operators: dict[str, int]) -> None:
    coverage = coverage_of(family, "odd", convert(_Split().eval(), ODD))
    coverage.require_whole("odd")
    assert coverage.operators == operators
    assert coverage.as_dict()["outside"] == []


@pytest.mark.parametrize(
    ("convert", "operator"),
    [
        (to_litert, "_linalg_svd"),
        (to_onnx, "_linalg_svd"),
        (to_executorch, "_linalg_svd"),
        (to_coreml, "linalg_svd"),
    ],
    ids=["litert", "onnx", "executorch", "coreml"],
)
def test_what_a_target_cannot_express_is_named(convert: Converter, operator: str) -> None:
    with pytest.raises(ConversionError, match=rf"graph 'odd' cannot be converted to .*operator \S*{operator}"):
        convert(_Unknown().eval(), ODD)


def test_an_operator_outside_of_the_operator_set_is_named() -> None:
    from coremltools.proto import Model_pb2

    package = to_coreml(_Split().eval(), ODD)
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as source, zipfile.ZipFile(changed, "w") as target:
        for member in source.namelist():
            data = source.read(member)
            if member.endswith(".mlmodel"):
                model = Model_pb2.Model.FromString(data)
                (block,) = model.mlProgram.functions["main"].block_specializations.values()
                next(operation for operation in block.operations if operation.type == "cumsum").type = "no_such_sum"
                data = model.SerializeToString()
            target.writestr(member, data)
    with pytest.raises(ConversionError, match="no_such_sum"):
        coverage_of("coreml", "odd", changed.getvalue()).require_whole("odd")


@pytest.mark.parametrize("family", ["onnx", "executorch", "coreml"])
def test_bytes_of_another_family_are_refused(family: str) -> None:
    with pytest.raises(ConversionError, match="graph 'odd'"):
        coverage_of(family, "odd", b"no graph at all, but long enough to look like one")


def test_a_graph_without_a_delegate_is_refused() -> None:
    with pytest.raises(ConversionError, match=r"0 partitions .* a, b, c, d, e, f and 1 more"):
        Coverage("XNNPACK", 0, tuple("abcdefg")).require_whole("odd")
