"""Pieces of charts within one face of a drawn surface: which barycentric cell lies on which, and their affine uv."""

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas

__all__ = ["CELLS", "Projector", "border_pieces", "cell_of"]

CELLS: Final = 16  # barycentric table: this many steps along b0 and b1
_JUMP: Final = 0.012  # metres beyond the distance on the body that tell a seam from a steady chart


@numba.njit(cache=True)  # type: ignore[misc]
def cell_of(a: float, b: float) -> int:
    """Cell of the first two barycentric weights; cells count along b1 first."""
    i = min(max(int(a * CELLS), 0), CELLS - 1)
    j = min(max(int(b * CELLS), 0), CELLS - 1 - i)
    return i * CELLS - i * (i - 1) // 2 + j


def _cells() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Centres (C, 3) of the barycentric cells, and the pairs (E, 2) of cells that touch."""
    pairs = [(i, j) for i in range(CELLS) for j in range(CELLS - i)]
    index = {pair: n for n, pair in enumerate(pairs)}
    middle = np.array([(i + 1 / 3, j + 1 / 3) if i + j == CELLS - 1 else (i + 0.5, j + 0.5) for i, j in pairs])
    middle /= CELLS
    touching = [
        (n, index[other])
        for (i, j), n in index.items()
        for other in ((i + 1, j), (i, j + 1), (i + 1, j - 1))
        if other in index
    ]
    return np.concatenate([middle, 1 - middle.sum(axis=1, keepdims=True)], axis=1), np.array(touching, np.int32)


class Projector:
    """Nearest chart points, and how charts advance there."""

    def __init__(self, atlas: Atlas) -> None:
        self.vertices = np.ascontiguousarray(atlas.vertices, np.float64)
        self.faces = atlas.faces.astype(np.int64)
        self.part = atlas.part
        corner = self.vertices[self.faces]
        self.corner_uv = atlas.chart_uv[atlas.chart_faces].astype(np.float64)
        # (F, 2, 3) gradient of (u, v) in the triangle's plane
        edge = np.stack([corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]], axis=1)
        step = self.corner_uv[:, 1:] - self.corner_uv[:, :1]
        self.gradient = np.swapaxes(np.linalg.pinv(edge) @ step, 1, 2)
        area = np.linalg.norm(np.cross(edge[:, 0], edge[:, 1]), axis=1)
        # (25, 2) metres that a whole U or V amounts to, to compare jumps in a chart with ways on the body
        self.extent = np.ones((25, 2))
        for part in range(1, 25):
            mine = self.part == part
            slope = np.linalg.norm(self.gradient[mine], axis=2)
            self.extent[part] = area[mine].sum() / (slope * area[mine, None]).sum(axis=0)

    def __call__(self, points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Face (N,) and uv (N, 2) of the surface points nearest to points (N, 3)."""
        import igl

        _, face, nearest = igl.point_mesh_squared_distance(np.ascontiguousarray(points), self.vertices, self.faces)
        uv = self.corner_uv[face, 0] + np.einsum(
            "nij,nj->ni", self.gradient[face], nearest - self.vertices[self.faces[face, 0]]
        )
        return face, np.clip(uv, 0, 1)


def border_pieces(
    project: Projector, corner: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32]]:
    """Pieces of faces (n, 3, 3) that cross a border.

    Returns the piece of each cell (n, C), the number of pieces of each face (n,), and for all pieces in order their
    part (P,) and corner uv (P, 3, 2).
    """
    middle, touching = _cells()
    points = np.einsum("ck,fkj->fcj", middle, corner)
    at, uv = project(points.reshape(-1, 3))
    part = project.part[at].reshape(len(corner), -1)
    uv = uv.reshape(len(corner), -1, 2)
    slope = project.gradient[at].reshape(*part.shape, 2, 3)
    # along the face's two sides from corner 2: what the chart itself says
    sides = np.stack([corner[:, 0] - corner[:, 2], corner[:, 1] - corner[:, 2]], axis=2)
    advance = slope @ sides[:, None]  # (n, C, 2, 2) d(uv) / d(b0, b1)
    chosen = np.zeros(part.shape, np.uint8)
    number = np.zeros(len(corner), np.int32)
    cells = part.shape[1]
    piece_part = np.zeros(len(corner) * cells, np.uint8)
    piece_uv = np.zeros((len(corner) * cells, 3, 2))
    total = _group(part, uv, points, advance, middle, touching, project.extent, chosen, number, piece_part, piece_uv)
    return chosen, number, piece_part[:total], piece_uv[:total].astype(np.float32)


@numba.njit(cache=True)  # type: ignore[misc]
def _group(
    part: NDArray[np.uint8],
    uv: NDArray[np.float64],
    points: NDArray[np.float64],
    advance: NDArray[np.float64],
    middle: NDArray[np.float64],
    touching: NDArray[np.int32],
    extent: NDArray[np.float64],
    chosen: NDArray[np.uint8],
    number: NDArray[np.int32],
    piece_part: NDArray[np.uint8],
    piece_uv: NDArray[np.float64],
) -> int:
    """Joins neighbouring cells of one part without a jump into pieces, and fits each an affine uv (in place)."""
    total = 0
    cells = part.shape[1]
    parent = np.zeros(cells, np.int64)
    label = np.zeros(cells, np.int64)
    for f in range(len(part)):
        for c in range(cells):
            parent[c] = c
        for e in range(len(touching)):
            a, b = touching[e]
            if part[f, a] != part[f, b]:
                continue
            scale = extent[part[f, a]]
            du = (uv[f, a, 0] - uv[f, b, 0]) * scale[0]
            dv = (uv[f, a, 1] - uv[f, b, 1]) * scale[1]
            way = 0.0
            for k in range(3):
                way += (points[f, a, k] - points[f, b, k]) ** 2
            if _length(du, dv) > 2.0 * way**0.5 + _JUMP:
                continue
            while parent[a] != a:
                a = parent[a]
            while parent[b] != b:
                b = parent[b]
            parent[a] = b
        pieces = 0
        for c in range(cells):
            if parent[c] == c:
                label[c] = pieces
                pieces += 1
        for c in range(cells):
            r = c
            while parent[r] != r:
                r = parent[r]
            chosen[f, c] = label[r]
        for p in range(pieces):
            _fit(part[f], uv[f], advance[f], middle, chosen[f], p, piece_part, piece_uv, total + p)
        number[f] = pieces
        total += pieces
    return total


@numba.njit(cache=True)  # type: ignore[misc]
def _length(a: float, b: float) -> float:
    return (a * a + b * b) ** 0.5


@numba.njit(cache=True)  # type: ignore[misc]
def _fit(
    part: NDArray[np.uint8],
    uv: NDArray[np.float64],
    advance: NDArray[np.float64],
    middle: NDArray[np.float64],
    chosen: NDArray[np.uint8],
    piece: int,
    piece_part: NDArray[np.uint8],
    piece_uv: NDArray[np.float64],
    out: int,
) -> None:
    """Least squares with a pull towards the chart's own gradient, which decides where the cells lie in a row."""
    count = 0
    mean = np.zeros(4)  # b0, b1, u, v
    prior = np.zeros((2, 2))
    for c in range(len(part)):
        if chosen[c] == piece:
            count += 1
            piece_part[out] = part[c]
            mean[0] += middle[c, 0]
            mean[1] += middle[c, 1]
            mean[2] += uv[c, 0]
            mean[3] += uv[c, 1]
            prior += advance[c]
    mean /= count
    prior /= count
    pull = 0.02
    m00, m01, m11 = pull, 0.0, pull
    r = prior * pull
    for c in range(len(part)):
        if chosen[c] == piece:
            x, y = middle[c, 0] - mean[0], middle[c, 1] - mean[1]
            m00 += x * x
            m01 += x * y
            m11 += y * y
            for k in range(2):
                r[k, 0] += x * (uv[c, k] - mean[2 + k])
                r[k, 1] += y * (uv[c, k] - mean[2 + k])
    det = m00 * m11 - m01 * m01
    for k in range(2):
        g0 = (r[k, 0] * m11 - r[k, 1] * m01) / det
        g1 = (r[k, 1] * m00 - r[k, 0] * m01) / det
        base = mean[2 + k] - g0 * mean[0] - g1 * mean[1]
        piece_uv[out, 0, k] = base + g0
        piece_uv[out, 1, k] = base + g1
        piece_uv[out, 2, k] = base
