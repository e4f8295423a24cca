"""Cutting along level sets: closed, area kept, border on the curve, seams inherited."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.train.atlas.cutting import CutMesh, connected_faces, cut, side_of


def sphere(steps=16):
    """A closed sphere of quads split in two."""
    lat, lon = np.linspace(0, np.pi, steps + 1)[1:-1], np.linspace(0, 2 * np.pi, 2 * steps, endpoint=False)
    ring = np.stack(
        [
            np.sin(lat)[:, None] * np.cos(lon),
            np.cos(lat)[:, None] * np.ones_like(lon),
            -np.sin(lat)[:, None] * np.sin(lon),
        ],
        axis=-1,
    )
    vertices = np.concatenate([ring.reshape(-1, 3), [[0, 1, 0], [0, -1, 0]]])
    rows, columns = steps - 1, 2 * steps
    top, bottom = rows * columns, rows * columns + 1
    faces = []
    for j in range(columns):
        k = (j + 1) % columns
        faces += [(top, j, k), (bottom, (rows - 1) * columns + k, (rows - 1) * columns + j)]
        for i in range(rows - 1):
            a, b, c, d = i * columns + j, i * columns + k, (i + 1) * columns + j, (i + 1) * columns + k
            faces += [(a, c, d), (a, d, b)]
    return vertices, np.array(faces, np.int32)


def mesh_of(vertices, faces):
    return CutMesh(
        vertices,
        faces,
        np.zeros(len(faces), np.uint8),
        np.zeros((len(faces), 3), bool),
        np.zeros(len(vertices), bool),
    )


def area(vertices, faces):
    p = vertices[faces]
    return np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 2


def closed(faces):
    _, count = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_counts=True)
    return (count == 2).all()


@settings(max_examples=25)
@given(st.floats(-0.8, 0.8), st.floats(0, np.pi), st.floats(0, 2 * np.pi))
def test_plane_through_a_sphere(offset, tilt, turn):
    normal = np.array([np.sin(tilt) * np.cos(turn), np.cos(tilt), np.sin(tilt) * np.sin(turn)])
    vertices, faces = sphere()
    mesh, origin, value = cut(mesh_of(vertices, faces), lambda p: p @ normal - offset, np.ones(len(faces), bool))
    assert closed(mesh.faces)
    assert len(origin) == len(mesh.faces)
    np.testing.assert_allclose(area(mesh.vertices, mesh.faces).sum(), area(vertices, faces).sum(), rtol=0.01)
    curve = np.unique(mesh.faces)[value[np.unique(mesh.faces)] == 0]
    np.testing.assert_allclose(mesh.vertices[curve] @ normal, offset, atol=1e-9)
    # every triangle lies wholly on one side
    positive = side_of(mesh.faces, value)
    height = mesh.vertices[mesh.faces] @ normal - offset
    assert (height[positive] > -1e-9).all()
    assert (height[~positive] < 1e-9).all()
    cap = 2 * np.pi * (1 - offset)
    np.testing.assert_allclose(area(mesh.vertices, mesh.faces)[positive].sum(), cap, rtol=0.03, atol=0.03)
    assert area(mesh.vertices, mesh.faces).min() > 0


def test_a_limited_cut_leaves_the_rest_alone_and_closed():
    vertices, faces = sphere()
    upper = vertices[faces].mean(axis=1)[:, 1] > 0
    mesh, origin, value = cut(mesh_of(vertices, faces), lambda p: p[:, 0] - 0.03, upper)
    assert closed(mesh.faces)
    untouched = ~upper[origin]
    assert untouched.sum() <= (~upper).sum() + 2  # at most the neighbours of the curve's two ends are split
    part = side_of(mesh.faces, value) & upper[origin]
    assert 0 < part.sum() < upper[origin].sum()


def test_seams_follow_the_pieces():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    mesh = CutMesh(
        vertices,
        np.array([[0, 1, 2]], np.int32),
        np.array([7], np.uint8),
        np.array([[True, False, False]]),
        np.zeros(3, bool),
    )
    mesh, _, _ = cut(mesh, lambda p: p[:, 0] - 0.4, np.ones(1, bool))
    a, b = mesh.vertices[mesh.faces], mesh.vertices[np.roll(mesh.faces, -1, axis=1)]
    np.testing.assert_array_equal(mesh.seam, (a[..., 1] == 0) & (b[..., 1] == 0))
    assert (mesh.part == 7).all()


def test_fixed_vertices_stay():
    vertices, faces = sphere()
    mesh = mesh_of(vertices, faces)
    mesh.fixed[:] = True
    after, _, _ = cut(mesh, lambda p: p[:, 1] - 0.07, np.ones(len(faces), bool))
    np.testing.assert_array_equal(after.vertices[: len(vertices)], vertices)


def test_connected_faces():
    faces = np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6], [3, 7, 8]], np.int32)  # the last touches at a corner only
    among, start = np.array([True, True, True, True]), np.array([True, False, False, False])
    assert connected_faces(faces, among, start).tolist() == [True, True, False, False]
    among[1] = False
    assert connected_faces(faces, among, start).tolist() == [True, False, False, False]


@pytest.mark.parametrize("steps", [6, 10])
def test_cutting_nothing(steps):
    vertices, faces = sphere(steps)
    mesh, origin, _ = cut(mesh_of(vertices, faces), lambda p: p[:, 1] - 5, np.ones(len(faces), bool))
    np.testing.assert_array_equal(mesh.faces, faces)
    np.testing.assert_array_equal(origin, np.arange(len(faces)))
