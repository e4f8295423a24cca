"""Closest points on triangles, vectorised."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["closest_on_triangles", "nearest_faces"]


def closest_on_triangles(
    p: NDArray[np.floating], a: NDArray[np.floating], b: NDArray[np.floating], c: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Barycentric weights (..., 3) of the point of triangle (a, b, c) closest to p. All (..., D), D = 2 or 3.

    Region tests as in Ericson, Real-Time Collision Detection (2005), section 5.1.5.
    """
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    bp, cp = p - b, p - c
    d3, d4, d5, d6 = _dot(ab, bp), _dot(ac, bp), _dot(ab, cp), _dot(ac, cp)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    with np.errstate(divide="ignore", invalid="ignore"):
        v_inside, w_inside = vb / (va + vb + vc), vc / (va + vb + vc)
        on_ab, on_ac, on_bc = d1 / (d1 - d3), d2 / (d2 - d6), (d4 - d3) / ((d4 - d3) + (d5 - d6))
    zero, one = np.zeros_like(d1), np.ones_like(d1)
    cases = [
        ((d1 <= 0) & (d2 <= 0), zero, zero),
        ((d3 >= 0) & (d4 <= d3), one, zero),
        ((vc <= 0) & (d1 >= 0) & (d3 <= 0), on_ab, zero),
        ((d6 >= 0) & (d5 <= d6), zero, one),
        ((vb <= 0) & (d2 >= 0) & (d6 <= 0), zero, on_ac),
        ((va <= 0) & (d4 >= d3) & (d5 >= d6), 1 - on_bc, on_bc),
    ]
    v = np.select([case[0] for case in cases], [case[1] for case in cases], v_inside)
    w = np.select([case[0] for case in cases], [case[2] for case in cases], w_inside)
    v, w = np.nan_to_num(v), np.nan_to_num(w)
    return np.stack([1 - v - w, v, w], axis=-1)


def nearest_faces(
    points: NDArray[np.floating],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    around: NDArray[np.integer],
    candidates: int = 6,
    chunk: int = 2048,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Face (N,) and barycentric weights (N, 3) of the closest surface point, among the faces round near vertices.

    around: (V, K) faces at each vertex, padded with any of them. candidates: how many nearest vertices are looked at.
    """
    face = np.zeros(len(points), np.intp)
    weight = np.zeros((len(points), 3))
    square = np.square(vertices).sum(axis=1)
    for start in range(0, len(points), chunk):
        p = np.asarray(points[start : start + chunk], np.float64)
        distance = square - 2 * (p @ vertices.T)
        near = np.argpartition(distance, candidates, axis=1)[:, :candidates]
        options = around[near].reshape(len(p), -1)
        corner = vertices[faces[options]]
        found = closest_on_triangles(p[:, None], corner[:, :, 0], corner[:, :, 1], corner[:, :, 2])
        gap = np.square((corner * found[..., None]).sum(axis=2) - p[:, None]).sum(axis=-1)
        best = gap.argmin(axis=1)
        row = np.arange(len(p))
        face[start : start + chunk] = options[row, best]
        weight[start : start + chunk] = found[row, best]
    return face, weight


def _dot(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray((a * b).sum(axis=-1), np.float64)
