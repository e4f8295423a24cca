"""Golden arrays: what passes, what fails, what is said when they do not fit."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.bundle.golden import ABSOLUTE, RELATIVE, compare
from densepose_mobile.errors import BundleError
from densepose_mobile.runtime import Placement
from densepose_mobile.spec import GraphSpec, TensorSpec

SPEC = GraphSpec("dense_1", (TensorSpec("features", (4,)), TensorSpec("wy", (2,))), (TensorSpec("sum", (4,)),))
GOLDEN: dict[str, NDArray[Any]] = {
    "detect/features": np.arange(4, dtype=np.float16),
    "dense_1/wy": np.array([1, 2], np.float16),
    "dense_1/sum": np.arange(4, dtype=np.float16) + 3,
}


@dataclass
class Sum:
    """features + sum(wy), off by `error`."""

    error: float = 0.0
    spec: GraphSpec = SPEC
    placement: Placement = field(default_factory=lambda: Placement("NumPy", ("NumPy",), (), None))

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        assert all(array.dtype == np.float32 for array in inputs)
        features, wy = inputs
        return (features + wy.sum() + np.float32(self.error),)


def test_right_graph_passes_with_features_of_another() -> None:
    (deviation,) = compare(Sum(), GOLDEN)
    assert (deviation.graph, deviation.output) == ("dense_1", "sum")
    assert deviation.rms_error == 0
    assert deviation.rms == pytest.approx(np.sqrt(np.mean((np.arange(4) + 3.0) ** 2)))
    assert deviation.passed


def test_own_input_goes_before_a_borrowed_one() -> None:
    (deviation,) = compare(Sum(), {**GOLDEN, "dense_1/features": np.arange(4) + 7.0})
    assert deviation.rms_error == pytest.approx(7)
    assert not deviation.passed


@pytest.mark.parametrize(("share", "passes"), [(0.9, True), (1.1, False), (np.nan, False)])
def test_tolerance(share: float, passes: bool) -> None:
    limit = ABSOLUTE + RELATIVE * float(np.sqrt(np.mean((np.arange(4) + 3.0) ** 2)))
    (deviation,) = compare(Sum(share * limit), GOLDEN)
    assert deviation.passed == passes


def test_figures_of_a_deviation() -> None:
    (exact,) = compare(Sum(), GOLDEN)
    assert (exact.max_abs, exact.sqnr_db) == (0, np.inf)
    assert exact.as_dict()["sqnr_db"] is None
    (off,) = compare(Sum(0.25), GOLDEN)
    assert off.max_abs == pytest.approx(0.25)
    assert off.sqnr_db == pytest.approx(20 * np.log10(off.rms / 0.25))
    assert off.as_dict() == {
        "graph": "dense_1", "output": "sum", "rms_error": off.rms_error, "rms": off.rms, "max_abs": off.max_abs,
        "tolerance": off.tolerance, "sqnr_db": off.sqnr_db, "passed": True,
    }  # fmt: skip
    (nothing,) = compare(Sum(), {**GOLDEN, "dense_1/sum": np.zeros(4)})
    assert nothing.sqnr_db == -np.inf
    (broken,) = compare(Sum(np.nan), GOLDEN)
    assert broken.as_dict()["rms_error"] is None
    assert not broken.passed


@pytest.mark.parametrize("key", GOLDEN)
def test_missing_array_is_named(key: str) -> None:
    golden = {name: array for name, array in GOLDEN.items() if name != key}
    with pytest.raises(BundleError, match=f"no golden array 'dense_1/{key.partition('/')[2]}'"):
        compare(Sum(), golden)


def test_array_of_another_shape_is_named() -> None:
    with pytest.raises(BundleError, match=r"'dense_1/wy' has shape \(3,\), the spec says \(2,\)"):
        compare(Sum(), {**GOLDEN, "dense_1/wy": np.zeros(3)})
