"""Packing, nearest points and point location against brute force."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.atlas import Atlas
from densepose_mobile.atlas.nearest import SurfaceIndex, closest_on_triangles
from densepose_mobile.atlas.packing import pack, unpack


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 8))
def test_packed_distances_come_back(seed, paired, single):
    """Nodes: `paired` left ones with a mirror, `single` ones on the mirror plane."""
    rng = np.random.default_rng(seed)
    left = paired + single
    mirror = np.concatenate([np.arange(left), np.zeros(paired, int)])
    own = rng.permutation(left)[:paired]
    own.sort()
    mirror[own] = left + np.arange(paired)
    mirror[left:] = own
    point = rng.uniform(size=(left, 3))
    plane = np.setdiff1d(np.arange(left), own)
    point[plane, 0] = 0
    whole = np.concatenate([point, point[own] * [-1, 1, 1]])
    full = np.rint(np.linalg.norm(whole[:, None] - whole[None], axis=2) * 10_000).astype(np.uint16)
    packed = pack(full[:left, :left], full[:left][:, mirror[:left]])
    np.testing.assert_array_equal(unpack(packed, mirror, left), full)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_closest_point_is_the_closest(seed, dimensions):
    rng = np.random.default_rng(seed)
    p, a, b, c = rng.normal(size=(4, dimensions))
    weight = closest_on_triangles(p, a, b, c)
    assert weight.min() >= -1e-9
    assert abs(weight.sum() - 1) < 1e-9
    found = np.linalg.norm(weight @ np.stack([a, b, c]) - p)
    sample = rng.dirichlet([0.5, 0.5, 0.5], 2000) @ np.stack([a, b, c])
    assert found <= np.linalg.norm(sample - p, axis=1).min() + 1e-9


def test_surface_index_finds_what_search_finds():
    rng = np.random.default_rng(1)
    vertices = rng.uniform(size=(60, 3))
    faces = rng.integers(60, size=(80, 3))
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])]
    index = SurfaceIndex(vertices, faces, 0.2)
    points = rng.uniform(-0.3, 1.3, size=(200, 3))
    face, weight, sure = index.nearest(points)
    truth, exact = index.search(points)

    def gap(face, weight):
        return np.linalg.norm((vertices[faces[face]] * weight[:, :, None]).sum(axis=1) - points, axis=1)

    assert sure.any()
    assert not sure.all()
    np.testing.assert_allclose(gap(face, weight)[sure], gap(truth, exact)[sure], atol=1e-12)
    guessed = ~sure & (weight.sum(axis=1) > 0)
    assert (gap(truth, exact)[guessed] <= gap(face, weight)[guessed] + 1e-12).all()


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_location_beyond_the_outline(seed):
    """The point found for any (U, V) is the chart's nearest, also in the gaps between fingers."""
    atlas = Atlas.load()
    rng = np.random.default_rng(seed)
    part = rng.choice(np.array([2, 3, 5, 15, 21, 24], np.uint8), 40)
    uv = rng.uniform(size=(2, 40))
    face, weight = atlas.locator.locate(part, uv)
    assert (atlas.part[face] == part).all()
    found = np.linalg.norm((atlas.chart_uv[atlas.chart_faces[face]] * weight[:, :, None]).sum(axis=1) - uv.T, axis=1)
    for n in range(40):
        corner = atlas.chart_uv[atlas.chart_faces[atlas.part == part[n]]].astype(np.float64)
        exact = closest_on_triangles(uv[:, n], corner[:, 0], corner[:, 1], corner[:, 2])
        least = np.linalg.norm((corner * exact[:, :, None]).sum(axis=1) - uv[:, n], axis=1).min()
        assert found[n] <= least + 1e-5
