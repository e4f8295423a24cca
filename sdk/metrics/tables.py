"""Geodesic distances from a user's own table, such as that of the dataset whose charts the annotations are on.

An .npz file of
- part (N,) 1..24 and uv (2, N) 0..1: the places on the charts that the table knows;
- distance: metres, (M, M), or its upper triangle without the diagonal, row after row, (M (M - 1) / 2,);
- node (N,): the row in `distance` of each place; may be left out when places and rows are the same.

A point has the distances of the nearest place on its chart. Both points, predicted and annotated, are looked up there.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.similarity import Geodesics
from densepose_mobile.parts import NUM_PARTS

__all__ = ["DistanceTable"]

_CELLS: Final = 256  # along U and V; results in the public format hold no more
_ROWS: Final = 16  # of the raster that are compared with all places at a time


@dataclass(frozen=True, eq=False)
class DistanceTable:
    """Distances of a table between surface points; distances to keypoints are those of the atlas."""

    nearest: NDArray[np.int32]  # (25, R, R) node of the nearest place: [part, row of V, column of U]
    distance: NDArray[np.floating]  # (M, M) or (M (M - 1) / 2,) metres
    nodes: int  # M
    atlas: Geodesics

    @classmethod
    def load(cls, path: str | Path, atlas: Geodesics) -> "DistanceTable":
        """Read a table. Raises InputError that names the file and what is wrong with it."""
        path = Path(path)
        try:
            with np.load(path) as arrays:
                given = {name: arrays[name] for name in ("part", "uv", "distance")}
                node = arrays["node"] if "node" in arrays else np.arange(given["part"].size)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(
                f"cannot read distances {path} ({error}); give an .npz file of part, uv, distance"
            ) from error
        part, uv, distance = given["part"], given["uv"], given["distance"]
        count = part.size
        nodes = len(distance) if distance.ndim == 2 else round((1 + np.sqrt(1 + 8.0 * distance.size)) / 2)
        wanted = (nodes, nodes) if distance.ndim == 2 else (nodes * (nodes - 1) // 2,)
        for wrong, what in (
            (part.shape != (count,) or uv.shape != (2, count), f"part {part.shape} and uv {uv.shape}: (N,), (2, N)"),
            (distance.shape != wanted, f"distance {distance.shape}: neither (M, M) nor (M (M - 1) / 2,)"),
            (node.shape != (count,), f"node {node.shape}: one of each of the {count} places is expected"),
            (set(np.unique(part)) != set(range(1, NUM_PARTS + 1)), f"parts {np.unique(part).tolist()}: 1..24, all"),
            (not ((uv >= 0) & (uv <= 1)).all(), "uv outside of 0..1"),
            (not ((node >= 0) & (node < nodes)).all(), f"node outside of 0..{nodes - 1}"),
            (not (distance >= 0).all(), "distances that are negative or not a number"),
        ):
            if wrong:
                raise InputError(f"distances {path}: {what}")
        return cls(_raster(part, uv, node), distance, nodes, atlas)

    def geodesic(
        self,
        part_a: NDArray[np.uint8],
        uv_a: NDArray[np.float32],
        part_b: NDArray[np.uint8],
        uv_b: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Metres along the body between points a and b (N,), infinite for part 0. part: (N,) 0..24, uv: (2, N)."""
        a, b = self._node(part_a, uv_a), self._node(part_b, uv_b)
        if self.distance.ndim == 2:
            metres = self.distance[a, b]
        else:
            low, high = np.minimum(a, b), np.maximum(a, b)
            place = low * (2 * self.nodes - low - 1) // 2 + high - low - 1
            metres = np.where(a == b, 0, self.distance[np.where(a == b, 0, place)])
        return np.where((part_a > 0) & (part_b > 0), metres, np.inf).astype(np.float32)

    def keypoint_distance(
        self, keypoint: NDArray[np.integer], part: NDArray[np.uint8], uv: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """That of the atlas."""
        return self.atlas.keypoint_distance(keypoint, part, uv)

    def _node(self, part: NDArray[np.uint8], uv: NDArray[np.float32]) -> NDArray[np.int64]:
        column, row = np.clip((np.asarray(uv) * _CELLS).astype(np.intp), 0, _CELLS - 1)
        return self.nearest[part, row, column].astype(np.int64)


def _raster(part: NDArray[np.integer], uv: NDArray[np.floating], node: NDArray[np.integer]) -> NDArray[np.int32]:
    centres = ((np.arange(_CELLS) + 0.5) / _CELLS).astype(np.float32)
    nearest = np.zeros((NUM_PARTS + 1, _CELLS, _CELLS), np.int32)
    for number in range(1, NUM_PARTS + 1):
        own = np.flatnonzero(part == number)
        u, v = uv[:, own].astype(np.float32)
        across = np.square(centres[:, None] - u)  # (R, K)
        for first in range(0, _CELLS, _ROWS):
            down = np.square(centres[first : first + _ROWS, None] - v)
            nearest[number, first : first + _ROWS] = node[own[(down[:, None] + across[None]).argmin(-1)]]
    return nearest
