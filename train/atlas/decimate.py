"""Thinning a triangle mesh to a subset of its own vertices, by quadric half-edge collapses.

Error quadrics as in Garland and Heckbert, "Surface Simplification Using Quadric Error Metrics" (1997). Vertices stay
where they are, so that exact geodesic distances between them can be measured on the fine mesh.
"""

import heapq
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["decimate"]

_EVENNESS: Final = 0.006  # weight of the length term, which keeps the nodes evenly spread on flat ground
_FLIP: Final = 0.2  # least cosine between a triangle's normal before and after a collapse


def decimate(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], count: int, border: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Keeps about `count` vertices: their indices (S,), and the remaining triangles (N, 3), indices into `vertices`.

    border: (V,) vertices on the mesh's rim, which only merge along the rim.
    """
    return _Collapser(vertices, faces, border).run(count)


class _Collapser:
    def __init__(self, vertices: NDArray[np.float64], faces: NDArray[np.int32], border: NDArray[np.bool_]) -> None:
        self.points = vertices
        self.border = border
        self.faces: dict[int, tuple[int, int, int]] = {i: (a, b, c) for i, (a, b, c) in enumerate(faces.tolist())}
        self.around: list[set[int]] = [set() for _ in vertices]
        for i, face in self.faces.items():
            for v in face:
                self.around[v].add(i)
        normal, area = self._normals(faces)
        plane = np.concatenate([normal, -(normal * vertices[faces[:, 0]]).sum(axis=1, keepdims=True)], axis=1)
        each = plane[:, :, None] * plane[:, None, :] * area[:, None, None]
        self.quadric = np.zeros((len(vertices), 4, 4))
        for k in range(3):
            np.add.at(self.quadric, faces[:, k], each)
        self.weight = np.zeros(len(vertices))
        np.add.at(self.weight, faces.ravel(), np.repeat(area / 3, 3))
        self.stamp = [0] * len(vertices)

    def run(self, count: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        heap: list[tuple[float, int, int, int, int]] = []
        alive = {v for v in range(len(self.points)) if self.around[v]}
        for v in alive:
            self._offer(heap, v)
        while len(alive) > count and heap:
            _, v, u, stamp_v, stamp_u = heapq.heappop(heap)
            if v not in alive or u not in alive or stamp_v != self.stamp[v] or stamp_u != self.stamp[u]:
                continue
            if not self._allowed(v, u):
                continue
            touched = self._collapse(v, u)
            alive.discard(v)
            for w in touched:
                self.stamp[w] += 1
            for w in touched:
                self._offer(heap, w, both=True)
        kept = np.array(sorted(alive), np.int32)
        return kept, np.array(sorted(self.faces.values()), np.int32)

    def _neighbours(self, v: int) -> set[int]:
        return {w for f in self.around[v] for w in self.faces[f]} - {v}

    def _offer(self, heap: list[tuple[float, int, int, int, int]], v: int, both: bool = False) -> None:
        for u in self._neighbours(v):
            heapq.heappush(heap, (self._cost(v, u), v, u, self.stamp[v], self.stamp[u]))
            if both:
                heapq.heappush(heap, (self._cost(u, v), u, v, self.stamp[u], self.stamp[v]))

    def _cost(self, v: int, u: int) -> float:
        """What is lost when v merges into u."""
        target = np.append(self.points[u], 1.0)
        gap = self.points[u] - self.points[v]
        return float(target @ self.quadric[v] @ target + _EVENNESS * self.weight[v] * (gap @ gap))

    def _allowed(self, v: int, u: int) -> bool:
        shared = self.around[v] & self.around[u]
        if self.border[v] and not (self.border[u] and len(shared) == 1):
            return False
        if len(self._neighbours(v) & self._neighbours(u)) != len(shared):
            return False  # the surface would touch itself
        for f in self.around[v] - shared:
            a, b, c = (self.points[w] for w in self.faces[f])
            x, y, z = (self.points[u if w == v else w] for w in self.faces[f])
            before, after = np.cross(b - a, c - a), np.cross(y - x, z - x)
            if before @ after < _FLIP * np.linalg.norm(before) * np.linalg.norm(after):
                return False
        return True

    def _collapse(self, v: int, u: int) -> set[int]:
        for f in list(self.around[v]):
            face = self.faces[f]
            if u in face:
                for w in face:
                    self.around[w].discard(f)
                del self.faces[f]
            else:
                self.faces[f] = tuple(u if w == v else w for w in face)  # type: ignore[assignment]
                self.around[u].add(f)
        self.around[v] = set()
        self.quadric[u] += self.quadric[v]
        self.weight[u] += self.weight[v]
        return self._neighbours(u) | {u}

    def _normals(self, faces: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        p = self.points[faces]
        normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
        length = np.linalg.norm(normal, axis=1)
        return normal / np.maximum(length, 1e-15)[:, None], length / 2
