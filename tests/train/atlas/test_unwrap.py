"""Flattening, orienting and thinning small surfaces whose answer is known."""

import numpy as np
import pytest

from densepose_mobile.train.atlas.cutting import CutMesh
from densepose_mobile.train.atlas.decimate import decimate
from densepose_mobile.train.atlas.orient import AXES, orient, scaled
from densepose_mobile.train.atlas.unwrap import Chart, distortion, flatten, open_chart, overlap, vertex_area


def grid(rows, columns):
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)


def half_cylinder(rows=12, columns=16, radius=0.05, length=0.3):
    """A limb's half: angle along the columns, length along the rows; triangles counter-clockwise from outside."""
    angle, along = np.linspace(0, np.pi, columns), np.linspace(0, length, rows)
    x = np.broadcast_to(-radius * np.cos(angle), (rows, columns))
    z = np.broadcast_to(radius * np.sin(angle), (rows, columns))
    y = np.broadcast_to(-along[:, None], (rows, columns))
    faces = grid(rows, columns)[:, [0, 2, 1]]
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return Chart(vertices, faces, np.arange(len(vertices), dtype=np.int32), np.arange(len(faces), dtype=np.int32))


def test_half_cylinder_becomes_a_rectangle():
    chart = half_cylinder()
    flat = flatten(chart, 60)
    measured = distortion(chart, flat)
    assert measured.flipped == 0
    assert measured.ratio_p95 < 1.02
    assert measured.area_p95 < 1.02
    assert overlap(chart, flat, 256) == 0
    size = np.sort(np.ptp(orient(14, flat, chart.vertices, vertex_area(chart)), axis=0))
    np.testing.assert_allclose(size, [0.05 * np.pi, 0.3], rtol=0.08)


@pytest.mark.parametrize(("part", "sense"), [(14, 1), (8, -1)])
def test_orientation_of_a_limb(part, sense):
    """U runs down the limb; the turning sense decides which way V runs."""
    chart = half_cylinder()
    spin = np.radians(77)
    flat = flatten(chart, 60) @ np.array([[np.cos(spin), -np.sin(spin)], [np.sin(spin), np.cos(spin)]])
    uv = scaled(orient(part, flat, chart.vertices, vertex_area(chart)))
    assert AXES[part].towards == (0.0, -1.0, 0.0)
    assert np.corrcoef(uv[:, 0], -chart.vertices[:, 1])[0, 1] > 0.99
    # seen from the front U points down, so counter-clockwise means V to the right, which is +x
    assert sense * np.corrcoef(uv[:, 1], chart.vertices[:, 0])[0, 1] > 0.97
    np.testing.assert_allclose([uv.min(), uv.max()], [0, 1])


def test_distortion_and_overlap_see_what_is_wrong():
    chart = half_cylinder()
    flat = flatten(chart, 40)
    stretched = distortion(chart, flat * [1.0, 2.0])
    assert stretched.ratio_mean > 1.8
    assert distortion(chart, flat * [-1.0, 1.0]).flipped == len(chart.faces)
    turned = flat - flat.mean(axis=0)
    assert overlap(chart, np.stack([np.abs(turned[:, 0]), turned[:, 1]], axis=1), 256) > 0.3


def test_a_tube_must_be_cut_open():
    rows, columns = 6, 10
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    vertices = np.array([[np.cos(a), np.sin(a), 0.3 * r] for r in range(rows) for a in angle])
    index = np.arange(rows * columns).reshape(rows, columns)
    after = np.roll(index, -1, axis=1)
    a, b, c, d = index[:-1].ravel(), after[:-1].ravel(), index[1:].ravel(), after[1:].ravel()
    faces = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)
    seam = np.zeros((len(faces), 3), bool)
    mesh = CutMesh(vertices, faces, np.ones(len(faces), np.uint8), seam, np.zeros(len(vertices), bool))
    with pytest.raises(ValueError, match="not a disc"):
        open_chart(mesh, 1)
    line = {frozenset((int(index[r, 0]), int(index[r + 1, 0]))) for r in range(rows - 1)}
    for f, face in enumerate(faces.tolist()):
        for k in range(3):
            seam[f, k] = frozenset((face[k], face[(k + 1) % 3])) in line
    chart = open_chart(mesh, 1)
    assert len(chart.vertices) == rows * columns + rows
    assert np.bincount(chart.source).max() == 2


def test_decimated_plane_keeps_its_rim_and_area():
    rows = columns = 20
    y, x = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    vertices = np.stack([x, y, 0.05 * np.sin(3 * x)], axis=-1).reshape(-1, 3)
    faces = grid(rows, columns)
    border = (vertices[:, :2] % 1 == 0).any(axis=1)
    kept, thin = decimate(vertices, faces, 80, border)
    assert len(kept) == 80
    assert set(np.unique(thin)) == set(kept.tolist())

    def area(f):
        p = vertices[f]
        return np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1).sum() / 2

    np.testing.assert_allclose(area(thin), area(faces), rtol=0.04)
    side, count = np.unique(np.sort(thin[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_counts=True)
    assert count.max() == 2
    assert border[side[count == 1]].all()
