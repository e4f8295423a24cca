"""Cutting triangle meshes along the zero curve of a scalar field: the chart borders are as smooth as the field."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["CutMesh", "Field", "connected_faces", "cut", "side_of"]

Field = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # points (N, 3) -> (N,), zero on the border

_SNAP = 0.12  # crossings nearer to a vertex than this share of the edge move the vertex onto the curve
_TOUCH = 0.02  # the same for vertices that already lie on an earlier curve: they stay where they are


@dataclass(frozen=True)
class CutMesh:
    """A triangle mesh whose triangles carry a part number and whose triangle sides may be marked as seams."""

    vertices: NDArray[np.float64]  # (V, 3) metres
    faces: NDArray[np.int32]  # (F, 3)
    part: NDArray[np.uint8]  # (F,) 0 where not yet decided
    seam: NDArray[np.bool_]  # (F, 3) side k runs from corner k to corner k + 1
    fixed: NDArray[np.bool_]  # (V,) vertices on a border or on the mirror plane: later cuts never move them


def cut(
    mesh: CutMesh, field: Field, where: NDArray[np.bool_]
) -> tuple[CutMesh, NDArray[np.int32], NDArray[np.float64]]:
    """Splits triangles where `field` changes sign inside the triangles `where` (F,).

    Neighbours outside `where` are split along with the shared sides, so the mesh stays closed. Returns the new mesh,
    the old triangle of each new one, and the field at the vertices with exact zeros on the curve.
    """
    vertices = mesh.vertices.copy()
    value = field(vertices)
    touched = np.unique(mesh.faces[where])
    inside = np.zeros(len(vertices), bool)
    inside[touched] = True
    value[~inside] = np.where(value[~inside] >= 0, 1.0, -1.0)

    edges = np.unique(np.sort(mesh.faces[where][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    _snap(vertices, value, edges, mesh.fixed)

    crossing = edges[value[edges[:, 0]] * value[edges[:, 1]] < 0]
    share = value[crossing[:, 0]] / (value[crossing[:, 0]] - value[crossing[:, 1]])
    fresh = vertices[crossing[:, 0]] + share[:, None] * (vertices[crossing[:, 1]] - vertices[crossing[:, 0]])
    # a new vertex on the mirror plane stays exactly on it
    fresh[(vertices[crossing[:, 0], 0] == 0) & (vertices[crossing[:, 1], 0] == 0), 0] = 0.0
    middle = {
        (int(a), int(b)): len(vertices) + i for i, (a, b) in enumerate(crossing)
    }  # sorted pair -> index of the new vertex

    faces, seam, origin = _split_faces(mesh, middle)
    all_vertices = np.concatenate([vertices, fresh])
    all_value = np.concatenate([value, np.zeros(len(fresh))])
    fixed = np.concatenate([mesh.fixed, np.zeros(len(fresh), bool)])
    on_curve = np.zeros(len(all_vertices), bool)
    on_curve[np.unique(faces[where[origin]])] = True
    fixed |= on_curve & (all_value == 0)
    result = replace(mesh, vertices=all_vertices, faces=faces, part=mesh.part[origin], seam=seam, fixed=fixed)
    return result, origin, all_value


def side_of(faces: NDArray[np.int32], value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True for triangles on the positive side, after a cut. value: (V,) as `cut` returns it."""
    corner = value[faces]
    strongest = np.abs(corner).argmax(axis=1)
    positive: NDArray[np.bool_] = corner[np.arange(len(faces)), strongest] > 0
    return positive


def connected_faces(faces: NDArray[np.int32], among: NDArray[np.bool_], start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The triangles of `among` that hang together (over shared sides) with one of `start`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    index = np.flatnonzero(among)
    pair = np.sort(faces[index][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, edge = np.unique(pair, axis=0, return_inverse=True)
    face = np.repeat(np.arange(len(index)), 3)
    count = int(edge.max()) + 1
    graph = coo_matrix((np.ones(len(face)), (face, len(index) + edge.ravel())), (len(index) + count,) * 2)
    _, label = connected_components(graph, directed=False)
    wanted = np.isin(label[: len(index)], np.unique(label[: len(index)][start[index]]))
    result = np.zeros(len(faces), bool)
    result[index[wanted]] = True
    return result


def _snap(
    vertices: NDArray[np.float64], value: NDArray[np.float64], edges: NDArray[np.int32], fixed: NDArray[np.bool_]
) -> None:
    """Moves vertices that are almost on the curve onto it (in place), so that no sliver triangles arise."""
    crossing = value[edges[:, 0]] * value[edges[:, 1]] < 0
    near = np.concatenate([edges[crossing], edges[crossing][:, ::-1]])
    share = value[near[:, 0]] / (value[near[:, 0]] - value[near[:, 1]])
    for i in np.argsort(share):
        a, b = near[i]
        if value[a] == 0 or share[i] > _SNAP:
            continue
        if fixed[a]:
            along_mirror = vertices[a, 0] == 0 and vertices[b, 0] == 0
            if share[i] > _TOUCH or (vertices[a, 0] == 0 and not along_mirror and share[i] > _TOUCH / 4):
                continue
        else:
            if vertices[b, 0] == 0 and vertices[a, 0] != 0 and share[i] > _SNAP / 2:
                continue
            vertices[a] += share[i] * (vertices[b] - vertices[a])
        value[a] = 0.0


def _split_faces(
    mesh: CutMesh, middle: dict[tuple[int, int], int]
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int32]]:
    faces: list[tuple[int, int, int]] = []
    seams: list[tuple[bool, bool, bool]] = []
    origin: list[int] = []
    split_vertices = {v for pair in middle for v in pair}
    for f, (corner, seam) in enumerate(zip(mesh.faces.tolist(), mesh.seam.tolist(), strict=True)):
        new = [-1, -1, -1]
        if sum(v in split_vertices for v in corner) >= 2:
            for k in range(3):
                a, b = corner[k], corner[(k + 1) % 3]
                new[k] = middle.get((min(a, b), max(a, b)), -1)
        for triangle, marks in _pieces(corner, seam, new, mesh.vertices):
            faces.append(triangle)
            seams.append(marks)
            origin.append(f)
    return np.array(faces, np.int32), np.array(seams, bool), np.array(origin, np.int32)


def _pieces(
    corner: list[int], seam: list[bool], new: list[int], vertices: NDArray[np.float64]
) -> list[tuple[tuple[int, int, int], tuple[bool, bool, bool]]]:
    count = sum(m >= 0 for m in new)
    if count == 0:
        return [((corner[0], corner[1], corner[2]), (seam[0], seam[1], seam[2]))]
    if count == 3:
        a, b, c = corner
        ab, bc, ca = new
        s, t, u = seam
        return [
            ((a, ab, ca), (s, False, u)),
            ((ab, b, bc), (s, t, False)),
            ((ca, bc, c), (False, t, u)),
            ((ab, bc, ca), (False, False, False)),
        ]
    # turn the triangle so that side 0 is split and, with two split sides, side 1 too
    turn = next(k for k in range(3) if new[k] >= 0 and (count == 1 or new[(k + 1) % 3] >= 0))
    a, b, c = (corner[(turn + k) % 3] for k in range(3))
    ab, bc = new[turn], new[(turn + 1) % 3]
    s, t, u = (seam[(turn + k) % 3] for k in range(3))
    if count == 1:
        return [((a, ab, c), (s, False, u)), ((ab, b, c), (s, t, False))]
    # the quadrilateral a, ab, bc, c is split along its shorter diagonal
    middle_bc = 0.5 * (vertices[b] + vertices[c])
    middle_ab = 0.5 * (vertices[a] + vertices[b])
    tip = ((ab, b, bc), (s, t, False))
    if np.linalg.norm(vertices[a] - middle_bc) < np.linalg.norm(vertices[c] - middle_ab):
        return [tip, ((a, ab, bc), (s, False, False)), ((a, bc, c), (False, t, u))]
    return [tip, ((a, ab, c), (s, False, u)), ((ab, bc, c), (False, t, False))]
