"""Annotated people of a picture: boxes, masks, keypoints and surface points, in one frame.

Pixel frame: origin top-left, x right, y down, pixel centres at +0.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.segmentation import encode_rle, fill_polygons, segmentation_mask
from densepose_mobile.metrics.traits import PersonTraits

__all__ = ["DENSE_GRID", "SurfacePoints", "TruthPerson", "TruthPicture"]

DENSE_GRID: Final = 256
"""Side of the square that a person's box is scaled to in DensePose-COCO's points and masks."""


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Annotated points of one person."""

    xy: NDArray[np.float32]  # (P, 2) px, original image
    part: NDArray[np.uint8]  # (P,) 1..24
    uv: NDArray[np.float32]  # (2, P) 0..1

    def __len__(self) -> int:
        return len(self.part)


@dataclass(frozen=True, eq=False)
class TruthPerson:
    """One annotated person, or a crowd region that counts neither for nor against a prediction."""

    id: int
    box: NDArray[np.float32]  # (4,) xyxy px, original image
    height: int  # px, picture
    width: int  # px, picture
    segmentation: Any  # COCO polygons or run-length code
    crowd: bool = False
    keypoints: NDArray[np.float32] | None = None  # (17, 3) x, y px and visibility 0, 1, 2
    points: SurfacePoints | None = None
    coarse_masks: Sequence[Any] | None = None  # DensePose-COCO's dp_masks: run-length codes in the box
    track: int | None = None  # the same for the same person in every frame of a video
    traits: PersonTraits = field(default_factory=PersonTraits)

    @classmethod
    def from_mask(cls, id: int, mask: NDArray[Any], **fields: Any) -> "TruthPerson":
        """A person of a mask (H, W); the box is the mask's tight one unless `box` is among the fields."""
        rows, columns = np.flatnonzero(np.any(mask, 1)), np.flatnonzero(np.any(mask, 0))
        tight = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if rows.size else [0, 0, 0, 0]
        fields.setdefault("box", np.array(tight, np.float32))
        height, width = mask.shape
        return cls(id=id, height=height, width=width, segmentation=encode_rle(mask, compressed=False), **fields)

    @property
    def box_area(self) -> float:
        """Area of the box in px²."""
        return float(np.prod(np.maximum(self.box[2:] - self.box[:2], 0)))

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool, the visible person. Raises InputError that names the annotation."""
        try:
            return segmentation_mask(self.segmentation, self.height, self.width)
        except InputError as error:
            raise InputError(f"annotation {self.id}: {error}") from error

    @property
    def dense_mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: the union of the coarse part masks, or `mask` where there are none."""
        coarse = self.coarse_parts
        return self.mask if coarse is None else coarse > 0

    @property
    def coarse_parts(self) -> NDArray[np.uint8] | None:
        """(H, W) coarse part 0..14 of each pixel, None without part masks. Raises InputError with the annotation."""
        codes = [(number, code) for number, code in enumerate(self.coarse_masks or (), 1) if code]
        if not codes:
            return None
        grid = np.zeros((DENSE_GRID, DENSE_GRID), np.uint8)
        try:
            for number, code in codes:
                grid[segmentation_mask(code, DENSE_GRID, DENSE_GRID)] = number
        except InputError as error:
            raise InputError(f"annotation {self.id}, dp_masks: {error}") from error
        rows = _grid_cells(self.box[1], self.box[3], self.height)
        columns = _grid_cells(self.box[0], self.box[2], self.width)
        inside = (rows >= 0)[:, None] & (columns >= 0)
        return np.where(inside, grid[np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))], 0).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class TruthPicture:
    """One annotated picture."""

    id: int
    file_name: str
    height: int  # px
    width: int  # px
    people: tuple[TruthPerson, ...]
    ignored: Sequence[Sequence[float]] = ()  # polygons x0, y0, x1, y1, ... px, in which nobody was annotated
    video: int | None = None  # number of the video that it is a frame of
    frame: int | None = None  # its place there

    @property
    def ignored_mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: where nobody was annotated."""
        return fill_polygons(self.ignored, self.height, self.width)


def _grid_cells(low: float, high: float, length: int) -> NDArray[np.intp]:
    """For each pixel of an axis, its cell of the box's 256-grid, or -1 outside of the box."""
    centres = np.arange(length) + 0.5
    cells = np.floor((centres - low) / max(high - low, 1e-6) * DENSE_GRID).astype(np.intp)
    return np.where((cells >= 0) & (cells < DENSE_GRID), cells, -1)
