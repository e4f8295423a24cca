"""Linear blend skinning with sparse weights, and the twist bones that keep forearms from wringing."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["SkinWeights", "all_corners", "normals", "skin"]


@dataclass(frozen=True, eq=False)
class SkinWeights:
    """Bones and weights of each vertex, rows one after the other."""

    start: NDArray[np.int32]  # (V + 1,) first entry of each vertex
    bone: NDArray[np.int16]  # (N,)
    weight: NDArray[np.float32]  # (N,) sums to 1 for each vertex

    @classmethod
    def from_rows(cls, bones: NDArray[np.integer], weights: NDArray[np.floating]) -> "SkinWeights":
        """From (V, K) bones and (V, K) weights of any sum; zeros are dropped, equal bones joined."""
        vertices = np.repeat(np.arange(len(bones)), bones.shape[1])
        return cls.from_entries(len(bones), vertices, bones.ravel(), weights.ravel())

    @classmethod
    def from_entries(
        cls, count: int, vertex: NDArray[np.integer], bone: NDArray[np.integer], weight: NDArray[np.floating]
    ) -> "SkinWeights":
        """From loose entries for `count` vertices."""
        keep = weight > 1e-4
        key = vertex[keep].astype(np.int64) << 16 | bone[keep].astype(np.int64)
        unique, inverse = np.unique(key, return_inverse=True)
        total = np.bincount(inverse, weights=weight[keep].astype(np.float64), minlength=len(unique))
        rows = unique >> 16
        sums = np.bincount(rows, weights=total, minlength=count)
        start = np.zeros(count + 1, np.int32)
        np.cumsum(np.bincount(rows, minlength=count), out=start[1:])
        return cls(start, (unique & 0xFFFF).astype(np.int16), (total / sums[rows]).astype(np.float32))

    @property
    def rows(self) -> NDArray[np.int64]:
        """(N,) vertex of each entry."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    def dense(self, bones: int) -> NDArray[np.float32]:
        """(V, bones) weights."""
        out = np.zeros((len(self.start) - 1, bones), np.float32)
        out[self.rows, self.bone] = self.weight
        return out

    def spread(
        self,
        vertices: NDArray[np.float32],
        joint: int,
        head: NDArray[np.float32],
        tail: NDArray[np.float32],
        first: int,
        count: int,
    ) -> "SkinWeights":
        """Share the weight of bone `joint` among `count` bones from number `first` on, by the place along the bone.

        vertices: (V, 3) at rest. The bones stand at even steps from the head (bone `first`) to the tail.
        """
        axis = tail - head
        mine = self.bone == joint
        vertex = self.rows[mine]
        place = np.clip((vertices[vertex] - head) @ axis / float(axis @ axis), 0, 1) * (count - 1)
        low = np.minimum(place.astype(np.int64), count - 2)
        above = place - low
        weight = self.weight[mine]
        return SkinWeights.from_entries(
            len(self.start) - 1,
            np.concatenate([self.rows[~mine], vertex, vertex]),
            np.concatenate([self.bone[~mine], first + low, first + low + 1]),
            np.concatenate([self.weight[~mine], weight * (1 - above), weight * above]),
        )


@numba.njit(cache=True, fastmath=True, nogil=True)
def _skin(vertices, start, bone, weight, affine, out):  # type: ignore[no-untyped-def]
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        a = b = c = np.float32(0)
        for entry in range(start[v], start[v + 1]):
            m = affine[bone[entry]]
            w = weight[entry]
            a += w * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
            b += w * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
            c += w * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        out[v, 0] = a
        out[v, 1] = b
        out[v, 2] = c


def skin(vertices: NDArray[np.float32], weights: SkinWeights, affine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vertices (V, 3) m moved by the weighted affine maps (B, 3, 4) of their bones -> (V, 3) m."""
    out = np.empty((len(vertices), 3), np.float32)
    _skin(
        np.ascontiguousarray(vertices, np.float32),
        weights.start,
        weights.bone,
        weights.weight,
        np.ascontiguousarray(affine, np.float32),
        out,
    )
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _normals(vertices, faces, out):  # type: ignore[no-untyped-def]
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in range(3):
            v = faces[f, corner]
            out[v, 0] += x
            out[v, 1] += y
            out[v, 2] += z
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2)
        if length > 0:
            for k in range(3):
                out[v, k] /= length


def normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """(V, 3) unit normals of a mesh (V, 3), (F, 3), weighted by area."""
    out = np.zeros((len(vertices), 3), np.float32)
    _normals(np.ascontiguousarray(vertices, np.float32), faces, out)
    return out


@numba.njit(cache=True, nogil=True)
def _all_corners(mask, faces, out):  # type: ignore[no-untyped-def]
    for f in range(faces.shape[0]):
        out[f] = mask[faces[f, 0]] and mask[faces[f, 1]] and mask[faces[f, 2]]


def all_corners(mask: NDArray[np.bool_], faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(F,) faces (F, 3) whose three vertices are in `mask` (V,)."""
    out = np.empty(len(faces), bool)
    _all_corners(mask, faces, out)
    return out
