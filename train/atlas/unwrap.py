"""Flattening one chart: cut open along its seams, mapped without a flip, then relaxed towards an isometry.

The energy is the symmetric Dirichlet energy (Smith and Schaefer, "Bijective Parameterization with Free Boundaries",
2015), minimised by scalable locally injective mappings (Rabinovich et al., "Scalable Locally Injective Mappings",
2017) as libigl's core has it. Started from a flip-free map it never flips a triangle.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.cutting import CutMesh

__all__ = ["Chart", "Distortion", "distortion", "flatten", "open_chart", "overlap", "vertex_area"]


@dataclass(frozen=True)
class Chart:
    """One part as a topological disc."""

    vertices: NDArray[np.float64]  # (N, 3) metres; vertices on a seam occur once for each of its banks
    faces: NDArray[np.int32]  # (M, 3)
    source: NDArray[np.int32]  # (N,) the vertex of the cut mesh
    face_source: NDArray[np.int32]  # (M,) the triangle of the cut mesh


@dataclass(frozen=True)
class Distortion:
    """How far a flattening is from an isometry (up to one scale), weighted by area on the body."""

    flipped: int
    ratio_mean: float  # larger over smaller singular value
    ratio_p95: float
    area_mean: float  # max(a, 1/a) of the area factor, its mean over the chart being 1
    area_p95: float


def open_chart(mesh: CutMesh, part: int) -> Chart:
    """The triangles of one part, with vertices doubled along the seams. Raises ValueError unless it is a disc."""
    index = np.flatnonzero(mesh.part == part).astype(np.int32)
    faces, seam = mesh.faces[index], mesh.seam[index]
    corner_of: dict[tuple[int, int], list[int]] = {}
    for f in range(len(faces)):
        for k in range(3):
            if not seam[f, k]:
                a, b = int(faces[f, k]), int(faces[f, (k + 1) % 3])
                corner_of.setdefault((min(a, b), max(a, b)), []).append(3 * f + k)
    parent = list(range(3 * len(faces)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for sides in corner_of.values():
        if len(sides) == 2:
            (f, k), (g, m) = divmod(sides[0], 3), divmod(sides[1], 3)
            parent[root(3 * f + k)] = root(3 * g + (m + 1) % 3)
            parent[root(3 * f + (k + 1) % 3)] = root(3 * g + m)
    roots = np.array([root(i) for i in range(3 * len(faces))])
    unique, first, inverse = np.unique(roots, return_index=True, return_inverse=True)
    source = faces.reshape(-1)[first].astype(np.int32)
    chart = Chart(mesh.vertices[source], inverse.reshape(-1, 3).astype(np.int32), source, index)
    sides_all = np.unique(np.sort(chart.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    euler = len(unique) - len(sides_all) + len(faces)
    if euler != 1:
        raise ValueError(f"part {part} is not a disc (Euler characteristic {euler}): mend its borders or seams")
    return chart


def flatten(
    chart: Chart,
    iterations: int = 40,
    start: NDArray[np.float64] | None = None,
    pinned: NDArray[np.int32] | None = None,
    target: NDArray[np.float64] | None = None,
    strength: float = 0.0,
) -> NDArray[np.float64]:
    """Flat coordinates (N, 2) in metres, counter-clockwise as seen from outside, in any rotation and place.

    start: (N, 2) a map without flips to go on from. pinned: (K,) vertices drawn towards target (K, 2), softly:
    strength weighs their squared distance in metres against the energy.
    """
    import igl

    uv = _tutte(chart) if start is None else start
    data = igl.slim_precompute(
        np.asfortranarray(chart.vertices),
        np.asfortranarray(chart.faces.astype(np.int32)),
        np.asfortranarray(uv),
        igl.MappingEnergyType.SYMMETRIC_DIRICHLET,
        np.zeros(0, np.int32) if pinned is None else np.ascontiguousarray(pinned, np.int32),
        np.asfortranarray(np.zeros((0, 2)) if target is None else target),
        strength,
    )
    flat: NDArray[np.float64] = np.asarray(igl.slim_solve(data, iterations))[:, :2]
    return flat


def vertex_area(chart: Chart) -> NDArray[np.float64]:
    """(N,) a third of the area of the triangles at each vertex, square metres."""
    p = chart.vertices[chart.faces]
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 6
    total = np.bincount(chart.faces.ravel(), np.repeat(area, 3), len(chart.vertices))
    return np.asarray(total, np.float64)


def distortion(chart: Chart, uv: NDArray[np.float64]) -> Distortion:
    """Singular values of the map from the body to the flat chart, triangle by triangle."""
    first, second, signed = _singular(chart, uv)
    p = chart.vertices[chart.faces]
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 2
    factor = first * second
    factor = factor / (factor * area).sum() * area.sum()
    even = np.maximum(factor, 1 / np.maximum(factor, 1e-12))
    ratio = first / np.maximum(second, 1e-12)
    return Distortion(
        flipped=int((signed <= 0).sum()),
        ratio_mean=float((ratio * area).sum() / area.sum()),
        ratio_p95=_quantile(ratio, area, 0.95),
        area_mean=float((even * area).sum() / area.sum()),
        area_p95=_quantile(even, area, 0.95),
    )


def overlap(chart: Chart, uv: NDArray[np.float64], size: int = 1024) -> float:
    """Share of the chart's picture, `size` cells wide, whose cell centres lie in more than one triangle."""
    scale = (size - 1) / np.ptp(uv, axis=0).max()
    covered = _cover((uv - uv.min(axis=0)) * scale, chart.faces, size)
    return float((covered > 1).sum() / (covered > 0).sum())


@numba.njit(cache=True)  # type: ignore[misc]
def _cover(points: NDArray[np.float64], faces: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    count = np.zeros((size, size), np.int32)
    for f in range(len(faces)):
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0.0:
            continue
        for y in range(max(0, int(min(a[1], b[1], c[1]))), min(size - 1, int(max(a[1], b[1], c[1]))) + 1):
            for x in range(max(0, int(min(a[0], b[0], c[0]))), min(size - 1, int(max(a[0], b[0], c[0]))) + 1):
                px, py = x + 0.5 - a[0], y + 0.5 - a[1]
                v = (px * (c[1] - a[1]) - py * (c[0] - a[0])) / area
                w = ((b[0] - a[0]) * py - (b[1] - a[1]) * px) / area
                # strictly inside, so that a shared side counts for neither
                if v > 1e-9 and w > 1e-9 and v + w < 1 - 1e-9:
                    count[y, x] += 1
    return count


def _singular(
    chart: Chart, uv: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    p, q = chart.vertices[chart.faces], uv[chart.faces]
    e1, e2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    x1 = np.linalg.norm(e1, axis=1)
    x2 = (e1 * e2).sum(axis=1) / x1
    y2 = np.sqrt(np.maximum((e2 * e2).sum(axis=1) - x2**2, 1e-24))
    d1, d2 = q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]
    column1 = d1 / x1[:, None]
    column2 = (d2 - column1 * x2[:, None]) / y2[:, None]
    a, c = column1.T
    b, d = column2.T
    plus, minus = np.hypot(a + d, c - b), np.hypot(a - d, c + b)
    return (plus + minus) / 2, np.abs(plus - minus) / 2, a * d - b * c


def _tutte(chart: Chart) -> NDArray[np.float64]:
    """Mean-value-like convex map onto a disc of the chart's area: positive weights, so nothing flips (Floater 1997)."""
    import igl
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import spsolve

    loop = np.asarray(igl.boundary_loop(chart.faces.astype(np.int64))).ravel()
    step = np.linalg.norm(np.roll(chart.vertices[loop], -1, axis=0) - chart.vertices[loop], axis=1)
    angle = 2 * np.pi * np.concatenate([[0], np.cumsum(step)[:-1]]) / step.sum()
    p = chart.vertices[chart.faces]
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1).sum() / 2
    uv = np.zeros((len(chart.vertices), 2))
    uv[loop] = np.sqrt(area / np.pi) * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    sides = chart.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    pairs = np.unique(np.sort(sides, axis=1), axis=0)
    length = np.linalg.norm(chart.vertices[pairs[:, 0]] - chart.vertices[pairs[:, 1]], axis=1)
    weight = 1 / np.maximum(length, 1e-4)
    count = len(chart.vertices)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    graph = coo_matrix((np.tile(weight, 2), (both[:, 0], both[:, 1])), (count, count)).tocsr()
    laplacian = (diags(np.asarray(graph.sum(axis=1)).ravel()) - graph).tocsc()
    inner = np.setdiff1d(np.arange(count), loop)
    uv[inner] = spsolve(laplacian[inner][:, inner], -laplacian[inner][:, loop] @ uv[loop])
    return uv


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], q: float) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, q)])
