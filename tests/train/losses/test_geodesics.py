import numpy as np
import pytest

from densepose_mobile.atlas import Atlas
from densepose_mobile.train.losses.geodesics import RasterGeodesics


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return Atlas.load()


def test_equals_the_atlas_to_a_cell(atlas: Atlas) -> None:
    rng = np.random.default_rng(0)
    part_a, part_b = rng.integers(1, 25, (2, 400)).astype(np.uint8)
    part_b[:200] = part_a[:200]
    uv_a, uv_b = rng.random((2, 2, 400)).astype(np.float32)
    fast = RasterGeodesics.of(atlas).geodesic(part_a, uv_a, part_b, uv_b)
    exact = atlas.geodesic(part_a, uv_a, part_b, uv_b)
    assert np.abs(fast - exact).mean() < 0.01
    assert np.quantile(np.abs(fast - exact), 0.98) < 0.04


def test_a_point_has_no_distance_to_itself(atlas: Atlas) -> None:
    rng = np.random.default_rng(1)
    part, uv = rng.integers(1, 25, 100).astype(np.uint8), rng.random((2, 100)).astype(np.float32)
    assert RasterGeodesics.of(atlas).geodesic(part, uv, part, uv).max() < 0.03
