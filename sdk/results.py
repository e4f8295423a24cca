"""What a prediction returns: people with part, surface coordinates and confidence, and the picture's IUV."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.parts import NUM_PARTS, PART_NAMES

__all__ = ["DensePoseResult", "Person"]


@dataclass(frozen=True, eq=False, repr=False)
class Person:
    """One person: maps over the person's box, one cell a pixel of the upright picture.

    A pixel belongs to at most one person of a result: where people overlap, it is background to all but one.

    Raises InputError when the maps' shapes do not agree with the box.
    """

    box: NDArray[np.float32]  # (4,) xyxy px, upright picture; whole numbers, tight around the person's pixels
    score: float  # 0..1, of the detection
    part: NDArray[np.uint8]  # (h, w) 0 background, 1..24 as in parts.PART_NAMES
    uv: NDArray[np.float32]  # (2, h, w) 0..1 on the part's chart; 0 on background
    confidence: NDArray[np.float32]  # (h, w) chance that the surface point errs by less than the part's kappa; 0 on bg
    track: int | None = None  # the same for the same person in every frame of a video; None: not followed

    def __post_init__(self) -> None:
        left, top, right, bottom = (int(c) for c in self.box)
        shape = (bottom - top, right - left)
        if self.part.shape != shape or self.uv.shape != (2, *shape) or self.confidence.shape != shape:
            raise InputError(
                f"A person's box {self.box.tolist()} is {shape[0]} x {shape[1]} px (h x w), but part is "
                f"{self.part.shape}, uv {self.uv.shape}, confidence {self.confidence.shape}; give maps of the box."
            )

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the box: `picture[person.window]` is what the person's maps lie on."""
        left, top, right, bottom = (int(c) for c in self.box)
        return slice(top, bottom), slice(left, right)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) True on the person's pixels."""
        return self.part > 0

    def iuv(self) -> NDArray[np.uint8]:
        """(h, w, 3) uint8 over the box: part, round(255 U), round(255 V); zeros on background."""
        return np.stack([self.part, *np.rint(self.uv * 255).astype(np.uint8)], axis=-1)

    def visible_parts(self) -> dict[str, int]:
        """Name of each visible part -> its pixels, in part order."""
        counts = np.bincount(self.part.ravel(), minlength=NUM_PARTS + 1)
        return {PART_NAMES[part]: int(counts[part]) for part in range(1, NUM_PARTS + 1) if counts[part]}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: box, score, pixels, mean confidence, visible parts with pixel counts."""
        mask = self.mask
        return {
            "box": [float(c) for c in self.box],
            "score": round(float(self.score), 4),
            "pixels": int(mask.sum()),
            "confidence": round(float(self.confidence[mask].mean()), 4) if mask.any() else 0.0,
            "parts": self.visible_parts(),
            **({} if self.track is None else {"track": self.track}),
        }

    def __repr__(self) -> str:
        box = ", ".join(f"{c:g}" for c in self.box)
        return f"Person(score={self.score:.2f}, box=({box}), {len(self.visible_parts())} parts, {self.mask.sum()} px)"


@dataclass(frozen=True, eq=False, repr=False)
class DensePoseResult:
    """All people of one picture, best first. Iterates and indexes like a sequence of `Person`.

    The frame is the upright picture: after EXIF orientation and the `rotation` that was given.
    """

    people: tuple[Person, ...]
    height: int  # px of the upright picture
    width: int
    timings: Mapping[str, float] = field(default_factory=dict)  # stopwatch.STAGES and "total" -> ms

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", tuple(self.people))
        object.__setattr__(self, "timings", dict(self.timings))  # no proxy: results travel between processes
        for person in self.people:
            left, top, right, bottom = person.box
            if left < 0 or top < 0 or right > self.width or bottom > self.height:
                raise InputError(
                    f"A person's box {person.box.tolist()} leaves the {self.width} x {self.height} px picture; "
                    "clip it to the picture."
                )

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) xyxy px."""
        return np.array([person.box for person in self.people], np.float32).reshape(-1, 4)

    @property
    def scores(self) -> NDArray[np.float32]:
        """(N,) 0..1."""
        return np.array([person.score for person in self.people], np.float32)

    def __len__(self) -> int:
        return len(self.people)

    def __iter__(self) -> Iterator[Person]:
        return iter(self.people)

    def __getitem__(self, index: int) -> Person:
        return self.people[index]

    def filter(self, score: float) -> "DensePoseResult":
        """The same result with only the people who score at least `score`."""
        return replace(self, people=tuple(person for person in self.people if person.score >= score))

    def iuv(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8: part, round(255 U), round(255 V); zeros where nobody is."""
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        for person in self._worst_first():
            np.copyto(canvas[person.window], person.iuv(), where=person.mask[..., None])
        return canvas

    def instances(self) -> NDArray[np.int32]:
        """(height, width) int32: 0 where nobody is, else 1 + the index of the pixel's person."""
        canvas = np.zeros((self.height, self.width), np.int32)
        for index, person in reversed(list(enumerate(self.people))):
            canvas[person.window][person.mask] = index + 1
        return canvas

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: picture size, people, timings in ms."""
        return {
            "width": self.width,
            "height": self.height,
            "people": [person.as_dict() for person in self.people],
            "timings_ms": {stage: round(ms, 3) for stage, ms in self.timings.items()},
        }

    def to_json(self, indent: int | None = None) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), indent=indent)

    def _worst_first(self) -> Iterator[Person]:
        """Order of painting, so that the best person ends on top should a hand-made result overlap."""
        return reversed(self.people)

    def __repr__(self) -> str:
        people = "1 person" if len(self) == 1 else f"{len(self)} people"
        total = f", {self.timings['total']:.1f} ms" if "total" in self.timings else ""
        return f"DensePoseResult({people}, {self.width} x {self.height} px{total})"
