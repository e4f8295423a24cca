"""SQNR and the ranking of layers."""

import numpy as np
import pytest

from densepose_mobile.calibration.sensitivity import SqnrMeter, rank_layers, sqnr_db
from densepose_mobile.errors import InputError


def test_sqnr_of_known_noise() -> None:
    reference = np.ones(1000)
    assert sqnr_db(reference, reference + 0.1) == pytest.approx(20)
    assert sqnr_db(reference, reference) == 200
    assert sqnr_db(np.zeros(3), np.ones(3)) == -200


def test_a_meter_counts_arrays_as_one() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50)), rng.normal(size=(2, 50))
    meter = SqnrMeter()
    meter.add(a[0], b[0])
    meter.add(a[1], b[1])
    assert meter.db == pytest.approx(sqnr_db(a.ravel(), b.ravel()))
    assert meter.largest == pytest.approx(np.abs(a - b).max())


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="shapes"):
        sqnr_db(np.zeros(2), np.zeros(3))


def test_layers_are_ranked_by_what_they_give_back() -> None:
    gains = {"a": 1.0, "b": 5.0, "c": -0.5}
    calls: list[tuple[str, ...]] = []

    def evaluate(keep: tuple[str, ...]) -> dict[str, float]:
        calls.append(keep)
        gain = sum(gains[name] for name in keep)
        return {"x": 20 + gain, "y": 30 + 3 * gain}

    base, ranked = rank_layers(["a", "b", "c"], evaluate)
    assert base == {"x": 20, "y": 30}
    assert [(layer.layer, layer.mean) for layer in ranked] == [("b", 10.0), ("a", 2.0), ("c", -1.0)]
    assert calls == [(), ("a",), ("b",), ("c",)]
