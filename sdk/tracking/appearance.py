"""What a person looks like: the mean colour of each visible body part."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.postprocess.maps import DenseMaps
from densepose_mobile.postprocess.silhouette import Silhouette

__all__ = ["PartColours"]

_FEWEST: Final = 6  # cells of a part that make a colour
_MEMORY: Final = 0.1  # share of the newest frame
_UNKNOWN: Final = 0.1  # difference of two people who share no visible part: that between like and unlike


@dataclass(frozen=True, eq=False)
class PartColours:
    """Mean colour of the parts, and on how many cells of the maps it was seen (0: never)."""

    colour: NDArray[np.float32]  # (25, 3) RGB 0..1; row = part
    cells: NDArray[np.float32]  # (25,)

    @classmethod
    def seen(cls, rgb: NDArray[np.uint8], maps: DenseMaps, shape: Silhouette) -> "PartColours":
        """Sampled at the centres of the maps' cells, where the person's pixels are. rgb: (H, W, 3) uint8."""
        size = len(maps.foreground)
        centres = (np.arange(size) + 0.5) / size
        x0, y0, x1, y1 = (float(c) for c in maps.roi)
        x, y = np.floor(x0 + (x1 - x0) * centres).astype(int), np.floor(y0 + (y1 - y0) * centres).astype(int)
        left, top, right, bottom = shape.box
        down, across = np.flatnonzero((y >= top) & (y < bottom)), np.flatnonzero((x >= left) & (x < right))
        rows, columns = np.nonzero(shape.mask[np.ix_(y[down] - top, x[across] - left)])
        rows, columns = down[rows], across[columns]
        part = maps.parts[rows, columns].argmax(-1) + 1
        pixels = rgb[y[rows], x[columns]].astype(np.float32) / 255
        cells = np.bincount(part, minlength=NUM_PARTS + 1).astype(np.float32)
        sums = [np.bincount(part, pixels[:, channel], NUM_PARTS + 1) for channel in range(3)]
        cells[cells < _FEWEST] = 0
        colour = np.stack(sums, 1) / np.maximum(cells, 1)[:, None]
        return cls(np.where(cells[:, None] > 0, colour, 0).astype(np.float32), cells)

    def unlike(self, other: "PartColours") -> float:
        """Mean absolute difference of colour over the parts that both have, weighted by the smaller area; 0..1."""
        weight = np.minimum(self.cells, other.cells)
        if not weight.any():
            return _UNKNOWN
        return float(np.average(np.abs(self.colour - other.colour).mean(1), weights=weight))

    def with_memory(self, newest: "PartColours") -> "PartColours":
        """A slow running mean; parts that were never seen are taken as they are."""
        rate = np.where(newest.cells > 0, np.where(self.cells > 0, _MEMORY, 1.0), 0.0).astype(np.float32)
        return PartColours(
            self.colour + rate[:, None] * (newest.colour - self.colour), self.cells + rate * (newest.cells - self.cells)
        )
