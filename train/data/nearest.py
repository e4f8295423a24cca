"""Nearest points between surfaces, by segment of the body and with like normals."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.openness import openness
from densepose_mobile.train.data.segments import COMPATIBLE

__all__ = ["SurfacePoints", "closest_on_triangles", "inner_faces", "vertex_normals"]

_NORMAL_WEIGHT: Final = 0.05  # m of distance that a normal turned by a right angle costs, about


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Nearest points on a mesh by segment, through dense samples in trees over place and normal."""

    vertices: NDArray[np.float64]  # (V, 3) m
    faces: NDArray[np.int32]  # (F, 3)
    segment: NDArray[np.int64]  # (F,) segment of each face
    usable: NDArray[np.bool_]  # (F,) faces that may be hit
    rounds: int = 12  # samples for each face

    def trees(self) -> "_Trees":
        """The search structure."""
        return _Trees(self)


class _Trees:
    def __init__(self, surface: SurfacePoints) -> None:
        rng = np.random.default_rng(3)
        faces = np.flatnonzero(surface.usable)
        drawn = rng.dirichlet([1, 1, 1], (surface.rounds, len(faces)))
        weights = np.concatenate([drawn, np.full((1, len(faces), 3), 1 / 3)])
        self._face = np.tile(faces, len(weights))
        self._weights = weights.reshape(-1, 3)
        corners = surface.vertices[surface.faces[self._face]]
        self._points = np.einsum("nk,nkc->nc", self._weights, corners)
        normals = vertex_normals(surface.vertices, surface.faces)
        self._normals = np.einsum("nk,nkc->nc", self._weights, normals[surface.faces[self._face]])
        self._surface = surface
        self._trees: dict[int, tuple[Any, NDArray[np.int64]]] = {}

    def _tree(self, segment: int) -> tuple[Any, NDArray[np.int64]]:
        """Tree over the samples that points of `segment` may be matched with, and the numbers of those samples."""
        if segment not in self._trees:
            from scipy.spatial import cKDTree

            rows = np.flatnonzero(COMPATIBLE[segment][self._surface.segment[self._face]])
            key = np.concatenate([self._points[rows], self._normals[rows] * _NORMAL_WEIGHT], 1)
            self._trees[segment] = (cKDTree(key), rows)
        return self._trees[segment]

    def nearest(
        self, points: NDArray[np.float64], normals: NDArray[np.float64], segment: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Face (N,) and barycentric weights (N, 3) of the surface point nearest to each of `points` (N, 3)."""
        face = np.zeros(len(points), np.int64)
        weights = np.zeros((len(points), 3))
        for number in np.unique(segment):
            mine = np.flatnonzero(segment == number)
            tree, rows = self._tree(int(number))
            key = np.concatenate([points[mine], normals[mine] * _NORMAL_WEIGHT], 1)
            candidates = self._face[rows[tree.query(key, k=6)[1]]]  # (n, 6) faces
            corners = self._surface.vertices[self._surface.faces[candidates]]
            barycentric = closest_on_triangles(points[mine, None], corners)
            place = np.einsum("nkc,nkcd->nkd", barycentric, corners)
            best = np.linalg.norm(place - points[mine, None], axis=-1).argmin(1)
            face[mine] = candidates[np.arange(len(mine)), best]
            weights[mine] = barycentric[np.arange(len(mine)), best]
        return face, weights


def vertex_normals(vertices: NDArray[Any], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(V, 3) unit normals, weighted by area."""
    corners = vertices[faces].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out = np.zeros((len(vertices), 3))
    for corner in range(3):
        for axis in range(3):
            out[:, axis] += np.bincount(faces[:, corner], normal[:, axis], len(vertices))
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def closest_on_triangles(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric weights (..., 3) of the points of triangles (..., 3, 3) nearest to points (..., 3)."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a

    def dot(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return (x * y).sum(-1)

    d00, d01, d11, d20, d21 = dot(ab, ab), dot(ab, ac), dot(ac, ac), dot(ap, ab), dot(ap, ac)
    denominator = np.maximum(d00 * d11 - d01 * d01, 1e-18)
    v = (d11 * d20 - d01 * d21) / denominator
    w = (d00 * d21 - d01 * d20) / denominator
    inside = np.stack([1 - v - w, v, w], -1)
    options, distances = [], []
    for start, end, i, j in ((a, b, 0, 1), (b, c, 1, 2), (c, a, 2, 0)):
        along = end - start
        t = np.clip(dot(points - start, along) / np.maximum(dot(along, along), 1e-18), 0, 1)
        weight = np.zeros((*t.shape, 3))
        weight[..., i], weight[..., j] = 1 - t, t
        options.append(weight)
        distances.append(np.linalg.norm(points - start - t[..., None] * along, axis=-1))
    edge = np.stack(options, -2)
    best = np.stack(distances, -1).argmin(-1)[..., None, None]
    on_edge = np.take_along_axis(edge, np.broadcast_to(best, (*best.shape[:-1], 3)), -2)[..., 0, :]
    return np.where((inside >= 0).all(-1, keepdims=True), inside, on_edge)


def inner_faces(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(F,) faces that no light reaches: inside of the mouth, of the eye sockets, of the nostrils."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-15)
    return openness(vertices, faces, corners.mean(1) + 5e-4 * normal, normal) < 0.04
