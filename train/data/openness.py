"""How much of the sky the points of a mesh see: for shading folds and for leaving out the inside of the mouth."""

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["openness"]

_SIZE: Final = 700  # cells of the depth pictures
_TOLERANCE: Final = 1.5e-3  # m


@numba.njit(cache=True)
def _depth(points, faces, depth):  # type: ignore[no-untyped-def]
    """Highest z of the mesh in each cell; x, y of `points` are in cells."""
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, x1, y1 = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        x2, y2 = points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-12:
            continue
        for y in range(max(0, int(min(y0, y1, y2))), min(depth.shape[0] - 1, int(max(y0, y1, y2))) + 1):
            for x in range(max(0, int(min(x0, x1, x2))), min(depth.shape[1] - 1, int(max(x0, x1, x2))) + 1):
                px, py = x + 0.5, y + 0.5
                u = ((x1 - px) * (y2 - py) - (x2 - px) * (y1 - py)) / area
                v = ((x2 - px) * (y0 - py) - (x0 - px) * (y2 - py)) / area
                if u >= 0 and v >= 0 and u + v <= 1:
                    z = u * points[a, 2] + v * points[b, 2] + (1 - u - v) * points[c, 2]
                    if z > depth[y, x]:
                        depth[y, x] = z


def openness(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    directions: int = 96,
) -> NDArray[np.float64]:
    """(N,) 0..1: cosine-weighted share of the half-space above `points` (N, 3), m, that the mesh leaves open.

    normals: (N, 3) unit. Directions are fixed, so equal input gives equal output. Source: depth pictures from evenly
    spread directions (a Fibonacci sphere).
    """
    k = np.arange(directions) + 0.5
    polar, turn = np.arccos(1 - 2 * k / directions), np.pi * (1 + 5**0.5) * k
    towards = np.stack([np.cos(turn) * np.sin(polar), np.cos(polar), np.sin(turn) * np.sin(polar)], 1)
    seen, total = np.zeros(len(points)), np.zeros(len(points))
    cell = float(np.linalg.norm(np.ptp(vertices, axis=0))) * 1.02 / _SIZE
    centre = 0.5 * (vertices.min(0) + vertices.max(0))
    for direction in towards:
        helper = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.9 else np.array([0, 1.0, 0])
        right = np.cross(helper, direction)
        right /= np.linalg.norm(right)
        frame = np.stack([right, np.cross(direction, right), direction], 1)

        def view(place: NDArray[np.float64], frame: NDArray[np.float64] = frame) -> NDArray[np.float64]:
            turned = (place - centre) @ frame
            turned[:, :2] = turned[:, :2] / cell + _SIZE / 2
            return np.asarray(turned)

        depth = np.full((_SIZE, _SIZE), -np.inf)
        _depth(view(vertices), faces, depth)
        mine = view(points)
        column, row = (np.clip(mine[:, axis].astype(np.int64), 0, _SIZE - 1) for axis in (0, 1))
        # a surface seen at a slant is deeper across one cell
        slope = normals @ direction
        slack = _TOLERANCE + cell * np.sqrt(np.maximum(1 - slope**2, 0)) / np.maximum(slope, 0.15)
        weight = np.maximum(slope, 0)
        seen += weight * (depth[row, column] <= mine[:, 2] + slack)
        total += weight
    return np.asarray(seen / np.maximum(total, 1e-9))
