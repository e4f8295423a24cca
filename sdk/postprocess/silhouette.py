"""The pixels that a person covers, with a smooth edge, and who owns a pixel that several people claim."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.postprocess.interpolation import Reach, interpolate, pixel_weights

__all__ = ["Silhouette", "disjoint", "silhouette"]

_SURE: Final = 1e-3  # scores nearer than this to 0 or 1 say no more
_ISLAND: Final = 0.08  # share of a person's pixels; what a person in front cuts off may be a forearm, not less
_SPECK: Final = 0.01  # share of a person's cells below which a separate island or a hole is noise


@dataclass(frozen=True, eq=False)
class Silhouette:
    """A person's pixels in a window of the picture, and how the cells of the maps are weighed into them."""

    left: int  # px, upright picture
    top: int
    logit: NDArray[np.float32]  # (h, w) foreground logit at each pixel centre of the window
    mask: NDArray[np.bool_]  # (h, w) the person's pixels
    cells: NDArray[np.bool_]  # (M, M) cells on the person
    wy: NDArray[np.float32]  # (h, M) weight of each row of cells in each row of pixels; rows sum to one
    wx: NDArray[np.float32]  # (w, M)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The window as xyxy px."""
        height, width = self.mask.shape
        return self.left, self.top, self.left + width, self.top + height

    def tight(self) -> "Silhouette | None":
        """The same with the window shrunk to the mask; None when no pixel is left."""
        x, y, width, height = cv2.boundingRect(self.mask.view(np.uint8))
        if not width or not height:
            return None
        rows, columns = slice(y, y + height), slice(x, x + width)
        return replace(
            self,
            left=self.left + x,
            top=self.top + y,
            logit=self.logit[rows, columns],
            mask=self.mask[rows, columns],
            wy=self.wy[rows],
            wx=self.wx[columns],
        )

    def without_islands(self) -> "Silhouette":
        """The same without pixels that lie apart from the most of them, as sharing pixels among people leaves some."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(self.mask.view(np.uint8), connectivity=8)
        area = stats[1:, cv2.CC_STAT_AREA]
        large = np.flatnonzero(area >= _ISLAND * area.sum()) + 1
        if len(large) == count - 1:
            return self
        return replace(self, mask=np.isin(labels, large)).tight() or self


def silhouette(foreground: NDArray[np.float32], roi: NDArray[np.float32], height: int, width: int) -> Silhouette | None:
    """Where the foreground, interpolated between the centres of the cells, is more likely than not.

    foreground: (M, M) logits over the RoI. roi: (4,) xyxy px. height, width: px of the picture, which clips the person.

    Returns the tight silhouette, or None where no pixel of the picture is foreground.
    """
    logits, cells = _without_specks(foreground)
    rows, columns = np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0))
    if not rows.size:
        return None
    x0, y0, x1, y1 = (float(c) for c in roi)
    top, wy = pixel_weights(y0, y1, len(logits), (rows[0], rows[-1]), height)
    left, wx = pixel_weights(x0, x1, len(logits), (columns[0], columns[-1]), width)
    if not len(wy) or not len(wx):
        return None
    _, down = Reach(wy).around(0, len(logits))
    _, across = Reach(wx).around(0, len(logits))
    logit = np.empty((1, len(wy), len(wx)), np.float32)
    interpolate(wy[:, down], logits[None, down, across], wx[:, across], logit)
    return Silhouette(left, top, logit[0], logit[0] > 0, cells, wy, wx).tight()


def disjoint(people: Sequence[Silhouette], scores: Sequence[float], duplicate: float) -> list[Silhouette | None]:
    """Give each pixel to one person: the most likely to be there, and to be a person.

    That is the highest sum of the pixel's foreground logit and the logit of the detection's score: a doubtful detection
    takes pixels from a sure one only where the sure one hardly claims them.

    people: best detection first. scores: of the detections, 0..1. duplicate: a person more than this share of whose
    pixels a better one claims as well is the same person seen twice.

    Returns one tight silhouette for each person, None for duplicates and for those left without a pixel.
    """
    kept: list[int] = []
    pairs = []
    for index, person in enumerate(people):
        overlaps = [(other, *_shared_windows(people[other], person)) for other in kept]
        overlaps = [(other, theirs, ours) for other, theirs, ours in overlaps if person.mask[ours].size]
        size = duplicate * np.count_nonzero(person.mask)
        if all(np.count_nonzero(people[other].mask[t] & person.mask[o]) <= size for other, t, o in overlaps):
            kept.append(index)
            pairs += [(other, index, theirs, ours) for other, theirs, ours in overlaps]
    masks = {index: people[index].mask.copy() for index in kept}
    odds = np.clip(np.asarray(scores, np.float32), _SURE, 1 - _SURE)
    bias = np.log(odds / (1 - odds))
    for first, second, theirs, ours in pairs:
        better = people[first].logit[theirs] + bias[first] >= people[second].logit[ours] + bias[second]
        both = people[first].mask[theirs] & people[second].mask[ours]
        masks[first][theirs] &= ~both | better
        masks[second][ours] &= ~(both & better)
    return [
        replace(person, mask=masks[index]).tight() if index in masks else None for index, person in enumerate(people)
    ]


def _without_specks(foreground: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The logits and foreground cells without noise: islands, which would stretch the box, and holes."""
    cells = foreground > 0
    size = np.count_nonzero(cells)
    islands = _small_components(cells, 8, _SPECK * size)
    holes = _small_components(~cells, 4, _SPECK * size)
    border = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    wrong = (islands > 0) | ((holes > 0) & ~np.isin(holes, border))
    if not wrong.any():
        return foreground, cells
    return np.where(wrong, -foreground, foreground), cells ^ wrong


def _small_components(cells: NDArray[np.bool_], connectivity: int, least: float) -> NDArray[np.int32]:
    """Numbers of the connected components with fewer than `least` cells, 0 elsewhere."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cells.view(np.uint8), connectivity=connectivity)
    small = stats[:, cv2.CC_STAT_AREA] < least
    small[0] = False
    return np.where(small[labels], labels, 0)


def _shared_windows(a: Silhouette, b: Silhouette) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The same pixels of the picture as slices of a and of b; empty where the windows do not meet."""
    left, top = max(a.left, b.left), max(a.top, b.top)
    right, bottom = max(min(a.box[2], b.box[2]), left), max(min(a.box[3], b.box[3]), top)

    def window(s: Silhouette) -> tuple[slice, slice]:
        return slice(top - s.top, bottom - s.top), slice(left - s.left, right - s.left)

    return window(a), window(b)
