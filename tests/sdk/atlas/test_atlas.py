"""Reading the packaged atlas: points, labels, distances, bad input."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.atlas import KEYPOINTS, Atlas
from densepose_mobile.errors import InputError
from densepose_mobile.parts import NUM_PARTS, mirror_iuv

ATLAS = Atlas.load()


def surface_points(seed, count):
    """Random points of the cut mesh with their labels."""
    rng = np.random.default_rng(seed)
    face = rng.integers(len(ATLAS.faces), size=count)
    weight = rng.dirichlet([1, 1, 1], count)
    point = (ATLAS.vertices[ATLAS.faces[face]] * weight[:, :, None]).sum(axis=1)
    uv = (ATLAS.chart_uv[ATLAS.chart_faces[face]] * weight[:, :, None]).sum(axis=1).T
    return point, ATLAS.part[face], uv.astype(np.float32)


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=20)
@given(seeds)
def test_labels_to_points_and_back(seed):
    point, part, uv = surface_points(seed, 100)
    np.testing.assert_allclose(ATLAS.surface_point(part, uv[0], uv[1]), point, atol=2e-5)
    found, back = ATLAS.iuv(point)
    same = found == part  # a point on a border belongs to either side
    assert same.mean() > 0.97
    np.testing.assert_allclose(back[:, same], uv[:, same], atol=2e-3)
    np.testing.assert_allclose(ATLAS.surface_point(found, *back), point, atol=2e-5)


@settings(max_examples=20)
@given(seeds)
def test_mirrored_label_is_the_mirrored_point(seed):
    rng = np.random.default_rng(seed)
    part = rng.integers(1, NUM_PARTS + 1, 60).astype(np.uint8)
    uv = rng.uniform(size=(2, 60)).astype(np.float32)  # also beyond the outlines
    there = ATLAS.surface_point(*(lambda p, w: (p, *w))(*mirror_iuv(part, uv)))
    here = ATLAS.surface_point(part, *uv) * np.float32([-1, 1, 1])
    gap = np.linalg.norm(there - here, axis=1)
    assert np.median(gap) < 1e-5
    assert (gap < 1e-4).mean() > 0.95  # the nearest outline point may be one of two


@settings(max_examples=10)
@given(seeds)
def test_geodesic_is_a_distance(seed):
    _, part, uv = surface_points(seed, 240)
    points = ATLAS.surface_point(part, *uv)
    a, b, c = np.arange(240).reshape(3, 80)
    ab = ATLAS.geodesic(part[a], uv[:, a], part[b], uv[:, b])
    np.testing.assert_allclose(ab, ATLAS.geodesic(part[b], uv[:, b], part[a], uv[:, a]), atol=1e-6)
    bc = ATLAS.geodesic(part[b], uv[:, b], part[c], uv[:, c])
    ac = ATLAS.geodesic(part[a], uv[:, a], part[c], uv[:, c])
    assert (ac <= ab + bc + 0.02).all()
    assert (ab >= np.linalg.norm(points[a] - points[b], axis=1) - 1e-5).all()
    assert ab.max() < 2.5
    assert ATLAS.geodesic(part, uv, part, uv).max() < 0.015
    assert ATLAS.geodesic(part, uv, part, uv).mean() < 0.002


@settings(max_examples=10)
@given(seeds)
def test_geodesic_is_symmetric_left_to_right(seed):
    _, part, uv = surface_points(seed, 100)
    a, b = np.arange(100).reshape(2, 50)
    mirrored, muv = mirror_iuv(part, uv)
    here = ATLAS.geodesic(part[a], uv[:, a], part[b], uv[:, b])
    there = ATLAS.geodesic(mirrored[a], muv[:, a], mirrored[b], muv[:, b])
    gap = np.abs(here - there)
    assert (gap < 0.012).mean() > 0.95
    assert gap.max() < 0.03  # near the head's middle two triangles of nodes are as near


def test_known_ways():
    """Straight ways on the body measured by hand: throat to navel, hip to knee, across the seam of a limb."""
    at = ATLAS.iuv(np.array([[0, 1.39, 0.08], [0, 1.066, 0.131], [0.142, 0.5, 0.1], [0.12, 0.9, 0.12]]))
    way = ATLAS.geodesic(at[0][[0, 2]], at[1][:, [0, 2]], at[0][[1, 3]], at[1][:, [1, 3]])
    np.testing.assert_allclose(way, [0.34, 0.41], atol=0.02)
    front, back = ATLAS.iuv(np.array([[0.218, 0.33, 0.02], [0.218, 0.33, -0.01]]))
    assert set(front.tolist()) == {12, 14}
    assert ATLAS.geodesic(front[:1], back[:, :1], front[1:], back[:, 1:])[0] < 0.05


def test_keypoint_distances():
    point = np.array([[0.031, 1.593, 0.132], [0.345, 1.166, 0.07], [0.142, 0.485, 0.1], [0.0, 1.557, 0.161]])
    part, uv = ATLAS.iuv(point)
    names = ["left eye", "left elbow", "left knee", "nose"]
    own = np.array([KEYPOINTS.index(name) for name in names])
    assert (ATLAS.keypoint_distance(own, part, uv) < 0.025).all()
    other = np.array([KEYPOINTS.index(name) for name in ("right ear", "right elbow", "right knee", "left ankle")])
    assert (ATLAS.keypoint_distance(other, part, uv) > 0.08).all()
    mirrored, muv = mirror_iuv(part, uv)
    swapped = np.array([KEYPOINTS.index(name.replace("left", "right")) for name in names])
    np.testing.assert_allclose(
        ATLAS.keypoint_distance(swapped, mirrored, muv), ATLAS.keypoint_distance(own, part, uv), atol=2e-3
    )
    # a joint's ring is where its two parts meet
    ring = np.intersect1d(ATLAS.faces[np.isin(ATLAS.part, (8, 10))], ATLAS.faces[np.isin(ATLAS.part, (12, 14))])
    assert ATLAS.keypoint_distances[KEYPOINTS.index("left knee"), ring].max() == 0


def test_background_is_nowhere():
    part, uv = np.array([0, 2], np.uint8), np.full((2, 2), 0.5, np.float32)
    assert np.isnan(ATLAS.surface_point(part, *uv)[0]).all()
    assert np.isfinite(ATLAS.surface_point(part, *uv)[1]).all()
    assert np.isinf(ATLAS.geodesic(part, uv, part[::-1].copy(), uv)).all()
    assert np.isinf(ATLAS.keypoint_distance(np.zeros(2, int), part, uv)[0])
    empty = np.zeros((0,), np.uint8)
    assert ATLAS.geodesic(empty, np.zeros((2, 0)), empty, np.zeros((2, 0))).shape == (0,)


def test_shapes_are_kept():
    part = np.full((3, 4), 5, np.uint8)
    uv = np.full((2, 3, 4), 0.5, np.float32)
    points = ATLAS.surface_point(part, *uv)
    assert points.shape == (3, 4, 3)
    assert points.dtype == np.float32
    back, there = ATLAS.iuv(points)
    assert back.shape == (3, 4)
    assert back.dtype == np.uint8
    assert there.shape == (2, 3, 4)
    node, weight = ATLAS.node_weights(part, uv)
    assert node.shape == weight.shape == (3, 4, 3)


def test_raster_agrees_with_points():
    raster = ATLAS.raster
    assert raster.node.shape == raster.weight.shape == (24, 64, 64, 3)
    np.testing.assert_allclose(raster.weight.sum(axis=-1), 1, atol=1e-5)
    part, row, column = np.nonzero(raster.inside)
    pick = np.random.default_rng(0).choice(len(part), 500, replace=False)
    part, row, column = part[pick], row[pick], column[pick]
    coarse = (ATLAS.vertices[ATLAS.nodes[raster.node[part, row, column]]].transpose(2, 0, 1)) * raster.weight[
        part, row, column
    ]
    point = ATLAS.surface_point((part + 1).astype(np.uint8), (column + 0.5) / 64, (row + 0.5) / 64)
    gap = np.linalg.norm(coarse.sum(axis=2).T - point, axis=1)
    assert np.quantile(gap, 0.95) < 0.008  # the decimated template keeps the shape


@pytest.mark.parametrize(
    ("part", "uv", "message"),
    [
        (np.array([1, 2], np.uint8), np.zeros((2, 3)), "uv has shape"),
        (np.array([1], np.uint8), np.zeros((1, 2)), "uv has shape"),
        (np.array([25], np.uint8), np.zeros((2, 1)), "part 25"),
    ],
)
def test_wrong_input(part, uv, message):
    with pytest.raises(InputError, match=message):
        ATLAS.keypoint_distance(np.zeros(part.shape, int), part, uv)


def test_files_that_are_no_atlas(tmp_path):
    text = tmp_path / "atlas.npz"
    text.write_text("not an atlas")
    with pytest.raises(InputError, match="is not an atlas"):
        Atlas.load(text)
    with pytest.raises(InputError, match="is not an atlas"):
        Atlas.load(tmp_path / "missing.npz")
    np.savez(tmp_path / "new.npz", header=np.array(json.dumps({"schema": 99})))
    with pytest.raises(InputError, match="schema 99"):
        Atlas.load(tmp_path / "new.npz")
