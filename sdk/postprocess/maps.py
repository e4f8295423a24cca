"""From one person's maps to the person's pixels.

The maps are small (56 x 56 cells over the person's RoI) and the box may be large, so that the part of each cell is
decided first and only then brought to pixels, chart by chart: U, V and confidence of a pixel are averages over cells of
the pixel's own part. Across a border between parts they jump, as the charts do. No array is larger than a few channels
of the box.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.postprocess.decode import sigmoid
from densepose_mobile.postprocess.interpolation import Reach, interpolate
from densepose_mobile.postprocess.silhouette import Silhouette
from densepose_mobile.results import Person

__all__ = ["DenseMaps", "paint_person"]

_STRIP: Final = 1 << 19  # px painted at a time


@dataclass(frozen=True, eq=False)
class DenseMaps:
    """What `dense` or `track` says about one person; M = ModelSpec.map_size."""

    roi: NDArray[np.float32]  # (4,) xyxy px, upright picture: where the maps lie
    foreground: NDArray[np.float32]  # (M, M) logits
    parts: NDArray[np.float32]  # (M, M, 24) logits of parts 1..24
    u: NDArray[np.float32]  # (M, M, 24) U on each part's chart, 0..1
    v: NDArray[np.float32]  # (M, M, 24)
    confidence: NDArray[np.float32]  # (M, M) logits

    @classmethod
    def from_outputs(cls, outputs: Sequence[NDArray[np.float32]], row: int, roi: NDArray[np.float32]) -> "DenseMaps":
        """One RoI of a graph's outputs, which are in the order of `spec.MAP_OUTPUTS`."""
        foreground, parts, u, v, confidence = (output[row] for output in outputs[:5])
        return cls(roi, foreground[..., 0], parts, u, v, confidence[..., 0])


def paint_person(maps: DenseMaps, shape: Silhouette, score: float) -> Person:
    """Part, U, V and confidence of the silhouette's pixels.

    shape: tight, of these maps. Work and memory are in proportion to the box.
    """
    height, width = shape.mask.shape
    part = np.zeros((height, width), np.uint8)
    values = np.zeros((3, height, width), np.float32)
    step = max(_STRIP // width, 1)
    for top in range(0, height, step):
        # Every pixel is for itself: strips bound the memory of the charts, which is most of it for a large person.
        rows = slice(top, top + step)
        strip = replace(shape, top=shape.top + top, logit=shape.logit[rows], mask=shape.mask[rows], wy=shape.wy[rows])
        _paint(maps, strip, part[rows], values[:, rows])
    np.clip(values, 0, 1, out=values)  # averages stay within 0..1 but for rounding
    return Person(np.array(shape.box, np.float32), score, part, values[:2], values[2])


def _paint(maps: DenseMaps, shape: Silhouette, part: NDArray[np.uint8], values: NDArray[np.float32]) -> None:
    """Write part (h, w) and values (3, h, w): U, V and confidence, where the shape is; zeros elsewhere."""
    best = np.full(part.shape, -np.inf, np.float32)
    for chart in _charts(maps, shape):
        # The pixel's part is the one whose interpolated logit is highest, among the parts of the cells around it.
        window = chart.rows, chart.columns
        wins = chart.score > best[window]
        wins &= chart.weight > 0
        wins &= shape.mask[window]
        np.copyto(best[window], chart.score, where=wins)
        np.copyto(part[window], chart.part, where=wins)
        chart.totals /= np.maximum(chart.weight, np.finfo(np.float32).tiny)
        np.copyto(values[:, chart.rows, chart.columns], chart.totals, where=wins)


@dataclass(eq=False)
class _Chart:
    """One part brought to the pixels that its cells reach. The next one reuses the arrays' memory."""

    part: int
    rows: slice  # of the person's window
    columns: slice
    score: NDArray[np.float32]  # (h, w) interpolated logit, up to a factor that all parts share at a pixel
    weight: NDArray[np.float32]  # (h, w) weight of the cells of this part
    totals: NDArray[np.float32]  # (3, h, w) weighted sums of U, V and confidence over those cells


def _charts(maps: DenseMaps, shape: Silhouette) -> Iterator[_Chart]:
    """Each part that some cell on the person has. Cells off the person have no say: nothing trained them."""
    labels = np.where(shape.cells, maps.parts.argmax(-1), -1)
    confidence = sigmoid(maps.confidence)
    down, across = Reach(shape.wy), Reach(shape.wx)
    buffer = np.empty(5 * shape.mask.size, np.float32)
    for index in np.unique(labels[shape.cells]):
        own = labels == index
        x, y, width, height = cv2.boundingRect(own.view(np.uint8))
        rows, cell_rows = down.around(y, y + height)
        columns, cell_columns = across.around(x, x + width)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue  # at a low resolution the part's cells may reach no pixel centre
        cells = cell_rows, cell_columns
        planes = np.empty((5, *own[cells].shape), np.float32)
        np.multiply(maps.parts[..., index][cells], shape.cells[cells], out=planes[0])
        planes[1] = own[cells]
        planes[2], planes[3], planes[4] = maps.u[..., index][cells], maps.v[..., index][cells], confidence[cells]
        planes[2:] *= planes[1]
        wy, wx = shape.wy[rows, cell_rows], shape.wx[columns, cell_columns]
        pixels = buffer[: 5 * len(wy) * len(wx)].reshape(5, len(wy), len(wx))
        interpolate(wy, planes, wx, pixels)
        yield _Chart(int(index) + 1, rows, columns, pixels[0], pixels[1], pixels[2:])
