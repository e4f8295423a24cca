"""Maps to pixels: charts never mix, values keep their place."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile.postprocess import maps as module
from densepose_mobile.postprocess.maps import DenseMaps, paint_person
from densepose_mobile.postprocess.silhouette import silhouette
from densepose_mobile.results import Person

CELLS = 12


def make_maps(roi: tuple[float, float, float, float], labels: NDArray[np.int_], seed: int = 0) -> DenseMaps:
    """Everywhere foreground. labels: (CELLS, CELLS) 1..24. U of part p is p / 25, V is 1 - p / 25, where it has a say;
    elsewhere both are nonsense."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(CELLS, CELLS, 24))
    own = np.arange(1, 25) == labels[..., None]
    parts[own] = parts.max() + rng.random(own.sum())
    chart = np.broadcast_to(np.arange(1, 25) / 25, parts.shape)
    u = np.where(own, chart, rng.normal(scale=100, size=parts.shape))
    v = np.where(own, 1 - chart, rng.normal(scale=100, size=parts.shape))
    ones = np.ones((CELLS, CELLS))
    arrays = (array.astype(np.float32) for array in (ones, parts, u, v, ones))
    return DenseMaps(np.array(roi, np.float32), *arrays)


def painted(maps: DenseMaps, height: int = 90, width: int = 100) -> Person:
    shape = silhouette(maps.foreground, maps.roi, height, width)
    assert shape is not None
    return paint_person(maps, shape, 0.5)


@given(
    st.integers(0, 2**31),
    st.floats(-30, 60),
    st.floats(-30, 60),
    st.floats(4, 150),
    st.floats(4, 150),
    st.integers(2, 24),
)
def test_charts_never_mix(seed: int, left: float, top: float, width: float, height: float, parts: int) -> None:
    """U is constant on each part, so that any pixel made of two parts would show."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(1, parts + 1, (CELLS // 2, CELLS // 2))
    labels = blocks.repeat(2, 0).repeat(2, 1)
    roi = (left, top, left + width, top + height)
    maps = make_maps(roi, labels, seed)
    if silhouette(maps.foreground, maps.roi, 90, 100) is None:
        return
    person = painted(maps)
    assert set(np.unique(person.part)) <= set(np.unique(labels))
    np.testing.assert_allclose(person.uv[0], person.part / 25, atol=1e-5)
    np.testing.assert_allclose(person.uv[1], 1 - person.part / 25, atol=1e-5)


@given(st.integers(0, 2**31))
def test_background_is_zero_and_person_is_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = make_maps((10, 10, 90, 80), rng.integers(1, 25, (CELLS, CELLS)), seed)
    maps = replace(maps, foreground=rng.normal(size=(CELLS, CELLS)).astype(np.float32))
    shape = silhouette(maps.foreground, maps.roi, 90, 100)
    if shape is None:
        return
    person = paint_person(maps, shape, 0.5)
    np.testing.assert_array_equal(person.mask, shape.mask)
    assert not person.uv[:, ~person.mask].any()
    assert not person.confidence[~person.mask].any()
    assert (person.confidence[person.mask] > 0.5).all()


def test_a_ramp_on_one_part_is_kept_to_the_pixel() -> None:
    maps = make_maps((10, 20, 82, 68), np.full((CELLS, CELLS), 7))
    x = (np.arange(CELLS) + 0.5) / CELLS
    maps = replace(
        maps,
        u=np.broadcast_to(x[None, :, None], maps.u.shape).astype(np.float32),
        v=np.broadcast_to(x[:, None, None], maps.v.shape).astype(np.float32),
    )
    person = painted(maps)
    np.testing.assert_array_equal(person.box, [10, 20, 82, 68])
    pixels = (np.arange(72) + 0.5) / 72
    np.testing.assert_allclose(person.uv[0][5], np.clip(pixels, x[0], x[-1]), atol=1e-5)
    pixels = (np.arange(48) + 0.5) / 48
    np.testing.assert_allclose(person.uv[1][:, 5], np.clip(pixels, x[0], x[-1]), atol=1e-5)


def test_border_between_parts_lies_where_the_logits_meet() -> None:
    """Between cells 5 and 6 the logits cross at a quarter of the way."""
    maps = make_maps((0, 0, 96, 96), np.where(np.arange(CELLS) < 6, 3, 4)[None].repeat(CELLS, 0))
    parts = np.full_like(maps.parts, -9)
    parts[:, :6, 2], parts[:, 6:, 3] = 1, 3
    parts[:, 6:, 2], parts[:, :6, 3] = 0, 0.0
    person = painted(replace(maps, parts=parts), 96, 96)
    # 1 - t = 3 t at t = 1/4: 8 px a cell, centre of cell 5 at 44 px, border at 46 px
    np.testing.assert_array_equal(person.part[48], np.where(np.arange(96) + 0.5 < 46, 3, 4))


def test_cells_off_the_person_have_no_say() -> None:
    """The part head is not trained on background: whatever it says there neither bleeds in nor moves a border."""
    maps = make_maps((0, 0, 96, 96), np.where(np.arange(CELLS) < 6, 2, 5)[:, None].repeat(CELLS, 1))
    parts = np.full_like(maps.parts, -9)
    parts[:6, :, 1] = parts[6:, :, 4] = 1
    parts[6:, :, 1] = parts[:6, :, 4] = 0
    parts[:, 6:, 8], parts[:, 6:, 4] = 1000, 50
    foreground = np.where(np.arange(CELLS) < 6, 1.0, -0.2)[None].repeat(CELLS, 0).astype(np.float32)
    person = painted(replace(maps, parts=parts, foreground=foreground), 96, 96)
    assert person.box[2] > 48  # the smooth edge reaches beyond the last cell
    expected = np.where(np.arange(96)[:, None] < 48, 2, 5).repeat(person.part.shape[1], 1)
    np.testing.assert_array_equal(person.part, expected)


def test_outputs_of_a_graph_are_taken_row_by_row() -> None:
    shapes = [(4, CELLS, CELLS, channels) for channels in (1, 24, 24, 24, 1)]
    outputs = [np.random.default_rng(i).normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)]
    maps = DenseMaps.from_outputs(outputs, 2, np.array([0, 0, 1, 1], np.float32))
    np.testing.assert_array_equal(maps.foreground, outputs[0][2, :, :, 0])
    np.testing.assert_array_equal(maps.v, outputs[3][2])
    np.testing.assert_array_equal(maps.confidence, outputs[4][2, :, :, 0])


@pytest.mark.parametrize("strip", [1, 700])
def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch, strip: int) -> None:
    labels = np.random.default_rng(3).integers(1, 25, (CELLS, CELLS))
    maps = make_maps((3.2, 4.7, 88.1, 80.3), labels)
    whole = painted(maps)
    monkeypatch.setattr(module, "_STRIP", strip)
    strips = painted(maps)
    np.testing.assert_array_equal(strips.part, whole.part)
    np.testing.assert_allclose(strips.uv, whole.uv, atol=1e-6)
    np.testing.assert_allclose(strips.confidence, whole.confidence, atol=1e-6)


def test_a_large_person_takes_little_more_than_the_result() -> None:
    side = 2000
    labels = np.where(np.eye(CELLS, dtype=bool), 2, 1)  # both parts reach over the whole person
    maps = make_maps((0, 0, side, side), labels)
    shape = silhouette(maps.foreground, maps.roi, side, side)
    assert shape is not None
    tracemalloc.start()
    person = paint_person(maps, shape, 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * (person.part.nbytes + person.uv.nbytes + person.confidence.nbytes)
