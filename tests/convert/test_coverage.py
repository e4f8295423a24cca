"""Finding operators that run outside of the delegate."""

import pytest

from densepose_mobile.convert.delegates import left_out
from densepose_mobile.convert.flatbuffer import GraphFile, Operator

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
