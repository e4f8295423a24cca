"""Geodesic distances by table look-up: the atlas's, at the speed that a training step can afford."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.atlas.packing import STEP

__all__ = ["RasterGeodesics"]


@dataclass(frozen=True, eq=False)
class RasterGeodesics:
    """`Atlas.geodesic` with both ends moved to the nearest cell centre of the atlas's raster (64 x 64 a chart).

    node, weight: (24, R, R, 3) template nodes about each cell. spread: (24, R, R) m², of the nodes about the cell's
    point. square: (S, S) m², squared distances between nodes.
    """

    node: NDArray[np.int32]
    weight: NDArray[np.float32]
    spread: NDArray[np.float32]
    square: NDArray[np.float32]

    @classmethod
    def of(cls, atlas: Atlas) -> "RasterGeodesics":
        """Tables of an atlas."""
        raster = atlas.raster
        corner = atlas.vertices[atlas.nodes][raster.node]  # (24, R, R, 3, 3)
        centre = (corner * raster.weight[..., None]).sum(-2, keepdims=True)
        spread = (np.square(corner - centre).sum(-1) * raster.weight).sum(-1)
        square = np.square(atlas.distances.astype(np.float32) * np.float32(STEP))
        return cls(raster.node, raster.weight, spread.astype(np.float32), square)

    def geodesic(
        self, part_a: NDArray[np.uint8], uv_a: NDArray[Any], part_b: NDArray[np.uint8], uv_b: NDArray[Any]
    ) -> NDArray[np.float32]:
        """Metres (K,) between points; part: (K,) 1..24, uv: (2, K)."""
        a, b = self._cell(part_a, uv_a), self._cell(part_b, uv_b)
        square = self.square[self.node[a][:, :, None], self.node[b][:, None, :]]
        mean = np.einsum("kij,ki,kj->k", square, self.weight[a], self.weight[b])
        return np.sqrt(np.maximum(mean - self.spread[a] - self.spread[b], 0)).astype(np.float32)

    def _cell(self, part: NDArray[np.uint8], uv: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        size = self.node.shape[1]
        column, row = np.clip((np.asarray(uv) * size).astype(np.int64), 0, size - 1)
        return part.astype(np.int64) - 1, row, column
