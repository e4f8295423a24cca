"""Measures of agreement between a graph and its reference."""

from collections.abc import Callable

import numpy as np
import pytest

from densepose_mobile.convert.parity import BoxMeter, MapMeter, compare_graphs
from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8, roi_size=8, map_size=4)


def _maps(labels: np.ndarray, u: float = 0.5) -> dict[str, np.ndarray]:
    """Maps whose labels (4, 4) 0..24 are as given."""
    parts = np.zeros((1, 4, 4, 24), np.float32)
    for y, x in np.ndindex(4, 4):
        parts[0, y, x, max(labels[y, x] - 1, 0)] = 5
    foreground = np.where(labels > 0, 3, -3).astype(np.float32)[None, ..., None]
    return {"foreground": foreground, "parts": parts, "u": np.full_like(parts, u), "v": np.full_like(parts, 0.5)}


def test_label_agreement_counts_the_union_of_both_people() -> None:
    a = np.array([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3], [0, 0, 0, 0]])
    b = np.array([[0, 1, 1, 1], [0, 0, 2, 5], [0, 0, 3, 0], [0, 0, 0, 0]])
    meter = MapMeter()
    meter.add(_maps(a, u=0.5), _maps(b, u=0.7))
    # 7 cells in the union; (1, 3) another part, (2, 3) lost, (0, 1) gained.
    assert meter.as_dict() == {"rois": 1, "label_agreement": round(4 / 7, 5), "uv_mean_abs": pytest.approx(0.1)}


def test_equal_maps_agree_wholly_and_empty_ones_say_nothing() -> None:
    labels = np.tile(np.arange(4), (4, 1))
    meter = MapMeter()
    meter.add(_maps(labels), _maps(labels))
    assert meter.as_dict()["label_agreement"] == 1
    empty = MapMeter()
    empty.add(_maps(labels * 0), _maps(labels * 0))
    assert empty.as_dict()["label_agreement"] is None


def test_boxes_are_compared_where_the_reference_sees_a_person() -> None:
    scores = np.full((1, SPEC.num_locations, 1), -5, np.float32)
    distances = np.ones((1, SPEC.num_locations, 4), np.float32)
    other = distances.copy()
    scores[0, 3] = 4
    other[0, 3] = [1, 1, 1, 3]  # 2 x 4 strides against 2 x 2
    other[0, 5] = 9  # where there is nobody
    meter = BoxMeter()
    meter.add(SPEC, (scores, distances), (scores, other))
    figures = meter.as_dict()
    assert figures["locations"] == 1
    assert figures["box_iou_mean"] == pytest.approx(0.5)
    assert figures["score_mean_abs"] == 0
    assert BoxMeter().as_dict()["box_iou_mean"] is None


def _detect(noise: float) -> Callable[..., tuple[np.ndarray, ...]]:
    def run(image: np.ndarray) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(int(image.sum() * 100))
        clean = [np.sign(rng.normal(size=tensor.shape)).astype(np.float32) for tensor in SPEC.detect().outputs]
        return tuple(array + np.float32(noise) for array in clean)

    return run


def test_every_output_of_a_graph_is_reported() -> None:
    calls = [(np.full((1, 64, 64, 3), value, np.float32),) for value in (0.1, 0.2)]
    parity = compare_graphs(SPEC, SPEC.detect(), _detect(0.0), _detect(0.1), calls)
    assert parity.calls == 2
    assert parity.maps is None
    assert parity.boxes is not None
    assert set(parity.outputs) == {"features", "scores", "boxes"}
    for figures in parity.outputs.values():
        assert figures["sqnr_db"] == pytest.approx(20, abs=0.01)
        assert figures["max_abs"] == pytest.approx(0.1, abs=1e-3)
    assert set(parity.as_dict()) == {"calls", "outputs", "boxes"}
    with pytest.raises(InputError, match="nothing to compare"):
        compare_graphs(SPEC, SPEC.detect(), _detect(0.0), _detect(0.0), [])
