"""Annotations of a COCO or DensePose-COCO file, chosen by selectors: as plain values, and drawn."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.draw import PALETTE
from densepose_mobile.errors import InputError
from densepose_mobile.metrics import TruthPerson, TruthPicture
from densepose_mobile.parts import PART_NAMES
from densepose_mobile.train.atlas.pictures import draw_points

__all__ = ["FIELDS", "Selector", "describe", "drawn", "parse_selector", "select", "subset_of"]

FIELDS: Final = ("id", "image", "area", "width", "height", "points", "parts", "keypoints", "people", "crowd", "part")
"""What annotations can be chosen by: id; id of the picture; area, width and height of the box, px; numbers of surface
points, of parts that they lie on, of visible keypoints, and of people in the picture; 1 for a crowd; a part that some
point lies on."""

_SIDE: Final = 480  # px of a drawn panel
_FINE: Final = 3  # fractional bits of drawn coordinates
_MARGIN: Final = 0.15  # of the box around it


@dataclass(frozen=True)
class Selector:
    """A field and the range that its value must lie in, both ends included."""

    field: str
    low: float
    high: float

    def accepts(self, picture: TruthPicture, person: TruthPerson) -> bool:
        """Whether an annotation is chosen."""
        if self.field == "part":
            parts = np.zeros(0) if person.points is None else person.points.part
            return bool(((parts >= self.low) & (parts <= self.high)).any())
        return self.low <= _values(picture, person)[self.field] <= self.high


def parse_selector(text: str) -> Selector:
    """ "FIELD=VALUE" or "FIELD=LOW:HIGH", where either end may be left out. Raises InputError."""
    field, _, value = text.partition("=")
    if field not in FIELDS:
        raise InputError(f"unknown field {field!r} in {text!r}; choose by {', '.join(FIELDS)}")
    low, colon, high = value.partition(":")
    try:
        least = float(low) if low else -math.inf
        most = (float(high) if high else math.inf) if colon else least
    except ValueError as error:
        raise InputError(f"{text!r} is neither FIELD=VALUE nor FIELD=LOW:HIGH") from error
    if not value or least > most or math.isnan(least) or math.isnan(most):
        raise InputError(f"{text!r} chooses nothing; give FIELD=VALUE or FIELD=LOW:HIGH")
    return Selector(field, least, most)


def select(
    pictures: Sequence[TruthPicture], selectors: Sequence[Selector]
) -> Iterator[tuple[TruthPicture, TruthPerson]]:
    """Annotations that every selector accepts, in the file's order."""
    for picture in pictures:
        for person in picture.people:
            if all(selector.accepts(picture, person) for selector in selectors):
                yield picture, person


def subset_of(content: Mapping[str, Any], people: Collection[int]) -> dict[str, Any]:
    """A COCO file's content with the annotations of these ids alone, and the pictures that they are in."""
    annotations = [entry for entry in content["annotations"] if entry["id"] in people]
    pictures = {entry["image_id"] for entry in annotations}
    images = [entry for entry in content["images"] if entry["id"] in pictures]
    return {**content, "images": images, "annotations": annotations}


def describe(picture: TruthPicture, person: TruthPerson) -> dict[str, Any]:
    """An annotation as plain values."""
    points = person.points
    parts = {} if points is None else {PART_NAMES[p]: int((points.part == p).sum()) for p in np.unique(points.part)}
    return {
        **_values(picture, person),
        "file_name": picture.file_name,
        "box": [round(float(c), 2) for c in person.box],
        "mask_pixels": int(person.mask.sum()),
        "points_by_part": parts,
    }


def drawn(rgb: NDArray[np.uint8], person: TruthPerson, atlas: Atlas) -> NDArray[np.uint8]:
    """An annotation on the picture's cut-out and on the body: box, mask, keypoints, and points by I, by U and by V.

    rgb: (H, W, 3) uint8. Returns RGB, panels side by side; with surface points a second row shows them on the body.
    """
    square = _Square.about(person.box)
    plain = square.of(rgb, (255, 255, 255))
    base = plain.copy()
    outlines, _ = cv2.findContours(square.of(person.mask.astype(np.uint8), 0), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(base, outlines, -1, (255, 60, 60), 1)
    first, last = square.place(person.box.reshape(2, 2))
    cv2.rectangle(base, first.tolist(), last.tolist(), (255, 220, 0), 1, cv2.LINE_AA, _FINE)
    for x, y, visibility in [] if person.keypoints is None else person.keypoints:
        if visibility:
            _dot(base, square.place(np.array([x, y])), (0, 255, 0) if visibility == 2 else (60, 90, 255))
    panels, bodies = [base], []
    points = person.points
    if points is not None and len(points):
        for colours in (PALETTE[points.part], *(_ramp(row) for row in points.uv)):
            panel = plain.copy()
            for place, colour in zip(square.place(points.xy), colours, strict=True):
                _dot(panel, place, colour.tolist())
            panels.append(panel)
            bodies.append(draw_points(atlas, points.part, points.uv, colours, _SIDE))
    rows = [np.hstack(panels), *([np.hstack(bodies)] if bodies else [])]
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows])


def _values(picture: TruthPicture, person: TruthPerson) -> dict[str, float]:
    width, height = (float(side) for side in person.box[2:] - person.box[:2])
    points = np.zeros(0, np.uint8) if person.points is None else person.points.part
    joints = 0 if person.keypoints is None else int((person.keypoints[:, 2] == 2).sum())
    return {
        "id": person.id,
        "image": picture.id,
        "area": round(person.box_area, 2),
        "width": round(width, 2),
        "height": round(height, 2),
        "points": len(points),
        "parts": len(np.unique(points)),
        "keypoints": joints,
        "people": len(picture.people),
        "crowd": int(person.crowd),
    }


@dataclass(frozen=True)
class _Square:
    """A square of the picture that is drawn as _SIDE px."""

    left: float  # px of the picture
    top: float
    scale: float  # drawn px / px of the picture

    @classmethod
    def about(cls, box: NDArray[np.float32]) -> "_Square":
        side = max(float((box[2:] - box[:2]).max()) * (1 + 2 * _MARGIN), 8.0)
        left, top = ((box[:2] + box[2:]) / 2 - side / 2).tolist()
        return cls(left, top, _SIDE / side)

    def of(self, picture: NDArray[np.uint8], border: Any) -> NDArray[np.uint8]:
        """The square of a picture (H, W) or (H, W, 3)."""
        matrix = np.array([[self.scale, 0, -self.left * self.scale], [0, self.scale, -self.top * self.scale]])
        matrix[:, 2] += (self.scale - 1) / 2  # pixel centres lie at one half
        way = cv2.INTER_LINEAR if picture.ndim == 3 else cv2.INTER_NEAREST
        return np.asarray(cv2.warpAffine(picture, matrix, (_SIDE, _SIDE), flags=way, borderValue=border), np.uint8)

    def place(self, xy: NDArray[np.floating]) -> NDArray[np.int_]:
        """Where points (..., 2) px of the picture are drawn, with _FINE fractional bits."""
        return np.rint((xy - (self.left, self.top)) * self.scale * (1 << _FINE)).astype(int)


def _dot(panel: NDArray[np.uint8], place: NDArray[np.int_], colour: Sequence[int]) -> None:
    for radius, tone in ((4, (20, 20, 20)), (3, colour)):
        cv2.circle(panel, place.tolist(), radius << _FINE, tone, -1, cv2.LINE_AA, _FINE)


def _ramp(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(K, 3) RGB of values 0..1."""
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1], np.uint8)
