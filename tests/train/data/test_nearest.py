import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.train.data.nearest import closest_on_triangles, inner_faces, vertex_normals
from densepose_mobile.train.data.openness import openness
from densepose_mobile.train.data.segments import COMPATIBLE, SEGMENTS

number = st.floats(-2, 2, width=32)
point = st.tuples(number, number, number)

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float64)
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]], np.int32
)  # fmt: skip


@given(point)
def test_closest_point_beats_every_sampled_point(place: tuple[float, float, float]) -> None:
    triangle = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0.3]])
    weights = closest_on_triangles(np.array(place), triangle)
    assert np.isclose(weights.sum(), 1)
    assert (weights >= -1e-9).all()
    best = np.linalg.norm(weights @ triangle - place)
    grid = np.random.default_rng(0).dirichlet([1, 1, 1], 400)
    assert best <= np.linalg.norm(grid @ triangle - place, axis=1).min() + 1e-6


def test_normals_point_outward() -> None:
    normals = vertex_normals(CUBE, CUBE_FACES)
    assert (((CUBE - 0.5) * normals).sum(1) > 0).all()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)


def test_a_cube_is_open_outside_and_closed_inside() -> None:
    centre = CUBE[CUBE_FACES].mean(1)
    corners = CUBE[CUBE_FACES]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    assert openness(CUBE, CUBE_FACES, centre + 0.01 * normal, normal, 16).min() > 0.95
    assert openness(CUBE, CUBE_FACES, centre - 0.05 * normal, -normal, 16).max() < 0.05
    shell = np.concatenate([CUBE * 3 - 1, CUBE])
    both = np.concatenate([CUBE_FACES, CUBE_FACES + 8])
    assert inner_faces(shell, both).tolist() == [False] * 12 + [True] * 12


def test_segments_meet_only_their_neighbours() -> None:
    at = {name: index for index, name in enumerate(SEGMENTS)}
    assert np.array_equal(COMPATIBLE, COMPATIBLE.T)
    assert COMPATIBLE[at["l_forearm"], at["l_hand"]]
    assert not COMPATIBLE[at["l_thigh"], at["r_thigh"]]
    assert not COMPATIBLE[at["l_index"], at["l_middle"]]
    assert not COMPATIBLE[at["l_forearm"], at["torso"]]
