"""Finding the triangle of a chart under (U, V): a raster gives a first guess, a walk over neighbours the rest."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas.nearest import closest_on_triangles

__all__ = ["ChartLocator", "face_neighbours"]

_MAX_STEPS: Final = 64
_TOGETHER: Final = 512  # points that are compared with their charts' outlines at a time
_NOWHERE: Final = 1e6  # chart units
_INSIDE: Final = -1e-6  # barycentric weights this far below 0 still count as inside


@dataclass(frozen=True, eq=False)
class ChartLocator:
    """All charts as one flat triangulation; charts do not share vertices."""

    uv: NDArray[np.float32]  # (T, 2)
    faces: NDArray[np.int32]  # (F, 3) into uv
    part: NDArray[np.uint8]  # (F,)
    neighbour: NDArray[np.int32]  # (F, 3) face beyond the side opposite each corner, -1 at the chart's outline
    raster: NDArray[np.int32]  # (25, R, R) face near the centre of each cell, [part, row of V, column of U]

    def locate(self, part: NDArray[np.uint8], uv: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Face (N,) and barycentric weights (N, 3) of the chart point nearest to (u, v). part: (N,) 1..24, uv: (2, N).

        A point beyond the chart's outline goes to the nearest point of the outline.
        """
        size = self.raster.shape[1]
        cell = np.clip((np.nan_to_num(uv) * size).astype(np.intp), 0, size - 1)
        face = self.raster[part, cell[1], cell[0]].astype(np.intp)
        target = np.clip(np.nan_to_num(np.asarray(uv, np.float64).T), 0, 1)
        weight = self._weights(face, target)
        open_ = np.flatnonzero(weight.min(axis=1) < _INSIDE)
        stuck = [open_[:0]]
        for _ in range(_MAX_STEPS):
            if not len(open_):
                break
            worst = weight[open_].argmin(axis=1)
            after = self.neighbour[face[open_], worst]
            moving = after >= 0
            stuck.append(open_[~moving])
            open_ = open_[moving]
            face[open_] = after[moving]
            weight[open_] = self._weights(face[open_], target[open_])
            open_ = open_[weight[open_].min(axis=1) < _INSIDE]
        self._settle(part, target, face, weight, np.concatenate([*stuck, open_]))
        weight = np.maximum(weight, 0)
        return face, weight / weight.sum(axis=1, keepdims=True)

    def _weights(self, face: NDArray[np.intp], target: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b, c = (self.uv[self.faces[face, k]].astype(np.float64) for k in range(3))
        ab, ac, ap = b - a, c - a, target - a
        area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
        v = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
        w = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
        return np.stack([1 - v - w, v, w], axis=1)

    def _settle(
        self,
        part: NDArray[np.uint8],
        target: NDArray[np.float64],
        face: NDArray[np.intp],
        weight: NDArray[np.float64],
        which: NDArray[np.intp],
    ) -> None:
        """Points that the walk did not bring home (in place): onto the outline, or searched for if they lie inside."""
        outlines = self._outlines
        for rows in np.array_split(which, len(which) // _TOGETHER + 1):
            found, share, inside = outlines.nearest(part[rows], target[rows])
            face[rows], start = outlines.face[part[rows], found], outlines.start[part[rows], found]
            weight[rows] = 0
            weight[rows, start] = 1 - share
            weight[rows, (start + 1) % 3] = share
            for number in np.unique(part[rows[inside]]):
                self._search(int(number), target, face, weight, rows[inside & (part[rows] == number)])

    def _search(
        self,
        number: int,
        target: NDArray[np.float64],
        face: NDArray[np.intp],
        weight: NDArray[np.float64],
        which: NDArray[np.intp],
    ) -> None:
        """The triangle that holds each point, by trying all of the chart (in place)."""
        faces = np.flatnonzero(self.part == number)
        corner = self.uv[self.faces[faces]].astype(np.float64)
        for row in which:
            found = closest_on_triangles(target[row], corner[:, 0], corner[:, 1], corner[:, 2])
            gap = np.square((corner * found[:, :, None]).sum(axis=1) - target[row]).sum(axis=1)
            best = gap.argmin()
            face[row], weight[row] = faces[best], found[best]

    @cached_property
    def _outlines(self) -> "_Outlines":
        row, opposite = np.nonzero(self.neighbour < 0)
        start = (opposite + 1) % 3
        own = self.part[row].astype(np.intp)
        order = np.argsort(own, kind="stable")
        row, start, own = row[order], start[order], own[order]
        counts = np.bincount(own, minlength=len(self.raster))
        place = np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (len(self.raster), counts.max(initial=1))
        table = _Outlines(
            face=np.zeros(shape, np.intp),
            start=np.zeros(shape, np.intp),
            a=np.full((*shape, 2), _NOWHERE),
            b=np.full((*shape, 2), _NOWHERE),
        )
        table.face[own, place], table.start[own, place] = row, start
        table.a[own, place] = self.uv[self.faces[row, start]]
        table.b[own, place] = self.uv[self.faces[row, (start + 1) % 3]]
        return table


@dataclass(frozen=True, eq=False)
class _Outlines:
    """The rims of the charts as line segments, E for each part; where a rim has fewer, the others lie far away."""

    face: NDArray[np.intp]  # (25, E)
    start: NDArray[np.intp]  # (25, E) corner of the face at which the segment starts
    a: NDArray[np.float64]  # (25, E, 2)
    b: NDArray[np.float64]  # (25, E, 2)

    def nearest(
        self, part: NDArray[np.uint8], p: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
        """For points p (K, 2) of parts (K,): nearest segment (K,), share of the way along, whether they lie inside."""
        a, b = self.a[part], self.b[part]  # (K, E, 2)
        step = b - a
        x, y = p[:, :1] - a[..., 0], p[:, 1:] - a[..., 1]
        share = np.clip((x * step[..., 0] + y * step[..., 1]) / np.maximum(np.square(step).sum(-1), 1e-18), 0, 1)
        gap = np.square(x - share * step[..., 0]) + np.square(y - share * step[..., 1])
        best = gap.argmin(axis=1)
        row = np.arange(len(p))
        spans = (y < 0) != (p[:, 1:] < b[..., 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            crossed = spans & (x < y * (step[..., 0] / step[..., 1]))
        return best, share[row, best], (crossed.sum(axis=1) % 2 == 1) & (gap[row, best] > 1e-14)


def face_neighbours(faces: NDArray[np.integer]) -> NDArray[np.int32]:
    """(F, 3) the face across the side opposite each corner, -1 where there is none."""
    side = np.concatenate([faces[:, [1, 2]], faces[:, [2, 0]], faces[:, [0, 1]]]).astype(np.int64)
    key = side.min(axis=1) << 32 | side.max(axis=1)
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    one, other = order[:-1][same], order[1:][same]
    count = len(faces)
    result = np.full(3 * count, -1, np.int32)
    result[one], result[other] = other % count, one % count
    return result.reshape(3, count).T.copy()
