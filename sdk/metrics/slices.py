"""Measures of some of the people only: by size in the picture, by what is cut off or hidden, by body, by skin.

Everybody is predicted and matched; then only the people of a slice are added up. Intervals are by picture, as
elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from densepose_mobile.metrics.bootstrap import RESAMPLES
from densepose_mobile.metrics.report import EvaluationReport, summarise
from densepose_mobile.metrics.score import PictureScore
from densepose_mobile.metrics.truth import TruthPerson

__all__ = ["SLICED_MEASURES", "SLICINGS", "Slicing", "slice_report", "slice_scores", "slices_json"]

SLICED_MEASURES: Final = (
    "recall",
    "mask_iou",
    "keypoint_agreement",
    "limb_agreement",
    "swap_rate",
    "keypoint_gps",
    "gps",
)
"""Of `score.MEASURES`, those that are reported of slices."""

_LARGE: Final = 96.0**2  # px² of the box: who is measured everywhere else
_MOST: Final = 0.999  # of a box that is there but for rounding


@dataclass(frozen=True)
class Slicing:
    """A way to part people into classes.

    value: of a person, given the side of the network's square input in px; None for whoever it is not known of. edges:
    of the classes, ascending, each class from its lower edge on. Sizes apart, people with a box above 96² px count.
    """

    title: str
    classes: tuple[str, ...]
    edges: tuple[float, ...]  # one more than classes
    value: Callable[[TruthPerson, int], float | None]
    every_size: bool = False

    def place(self, person: TruthPerson, input_side: int) -> str | None:
        """The class of a person; None for whoever is in none."""
        if not self.every_size and person.box_area <= _LARGE:
            return None
        value = self.value(person, input_side)
        if value is None:
            return None
        for name, (low, high) in zip(self.classes, pairwise(self.edges), strict=True):
            if low <= value < high:
                return name
        return None


def _scale(person: TruthPerson, input_side: int) -> float:
    """Longer side of the visible box in px of the network's input, to which the longer side of the picture is fitted"""
    size = person.box[2:] - person.box[:2]
    return float(size.max()) * input_side / max(person.height, person.width)


def _area(box: Sequence[float]) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _in_frame(person: TruthPerson) -> tuple[float, float, float, float] | None:
    full = person.traits.full_box
    if full is None:
        return None
    return max(full[0], 0.0), max(full[1], 0.0), min(full[2], person.width), min(full[3], person.height)


def _inside(person: TruthPerson, _: int) -> float | None:
    """Share of the whole person's box that lies in the picture."""
    full, inside = person.traits.full_box, _in_frame(person)
    return None if full is None or inside is None or not _area(full) else _area(inside) / _area(full)


def _uncovered(person: TruthPerson, _: int) -> float | None:
    """Share of the part of that box in the picture that the box of the visible pixels spans."""
    inside = _in_frame(person)
    return None if inside is None or not _area(inside) else person.box_area / _area(inside)


def _trait(name: str) -> Callable[[TruthPerson, int], float | None]:
    return lambda person, _: getattr(person.traits, name)


def _among(name: str, values: tuple[str, ...]) -> Callable[[TruthPerson, int], float | None]:
    """Place of a trait's value among `values`."""

    def place(person: TruthPerson, _: int) -> float | None:
        value = getattr(person.traits, name)
        return values.index(value) if value in values else None

    return place


SLICINGS: Final[Mapping[str, Slicing]] = {
    "scale": Slicing(
        "longer side of the visible box, px of the network's input",
        ("32..63", "64..95", "96..159", "160..239", "240 and more"),
        (32, 64, 96, 160, 240, np.inf),
        _scale,
        every_size=True,
    ),
    "truncation": Slicing(
        "of the whole person's box within the picture",
        ("below 50 %", "50..75 %", "75 % and more", "all"),
        (0, 0.5, 0.75, _MOST, np.inf),
        _inside,
    ),
    "occlusion": Slicing(
        "of the box within the picture that the visible person spans",
        ("below 75 %", "75..95 %", "95 % and more"),
        (0, 0.75, 0.95, np.inf),
        _uncovered,
    ),
    "age": Slicing("age", ("child", "adult"), (0, 1, 2), _among("age", ("child", "adult"))),
    "height": Slicing(
        "standing height",
        ("below 1.3 m", "1.3..1.6 m", "1.6..1.75 m", "1.75 m and more"),
        (0, 1.3, 1.6, 1.75, np.inf),
        _trait("height_m"),
    ),
    "weight": Slicing(
        "weight (parametric bodies)",
        ("thin third", "middle third", "stout third"),
        (0, 1 / 3, 2 / 3, 1.01),
        _trait("weight"),
    ),
    "skin": Slicing(
        "skin, by individual typology angle",
        ("brown and dark, up to 10°", "tan, 10..28°", "intermediate, 28..41°", "light, above 41°"),
        (-90, 10, 28, 41, 90.1),
        _trait("skin_ita"),
    ),
    "kind": Slicing("made from", ("avatar", "parametric body"), (0, 1, 2), _among("kind", ("valid", "anny"))),
}
"""By name. Limits of the typology angle: Chardon, Cretois and Hourseau, Int. J. Cosmetic Science 13, 1991, as Del Bino
and Bernerd, Br. J. Dermatology 169, 2013, number them; light joins their very light and light, the darkest class their
brown and dark."""


def slice_scores(scores: Sequence[PictureScore], slicing: Slicing, input_side: int) -> dict[str, list[PictureScore]]:
    """The scores of every picture with the people of each class alone; a class in which nobody is is not there."""
    found: dict[str, list[PictureScore]] = {}
    for name in slicing.classes:
        rows = []
        for score in scores:
            people = [person for person in score.people if slicing.place(person.truth, input_side) == name]
            sums = {measure: [0.0, 0.0] for measure in score.sums}
            for person in people:
                for measure, (above, below) in person.sums.items():
                    sums[measure][0] += above
                    sums[measure][1] += below
            rows.append(PictureScore(score.file_name, {k: (a, b) for k, (a, b) in sums.items()}, people=people))
        if any(row.people for row in rows):
            found[name] = rows
    return found


def slice_report(
    scores: Sequence[PictureScore], input_side: int, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, dict[str, EvaluationReport]]:
    """Reports by slicing and class; a slicing that nobody's annotation knows anything for is not there.

    input_side: px, side of the network's square input. Raises InputError when there is no picture.
    """
    classes = {name: slice_scores(scores, slicing, input_side) for name, slicing in SLICINGS.items()}
    return {
        name: {place: summarise(rows, seed, resamples) for place, rows in parts.items()}
        for name, parts in classes.items()
        if parts
    }


def slices_json(reports: Mapping[str, Mapping[str, EvaluationReport]]) -> dict[str, Any]:
    """Plain values: slicing -> title and classes; of a class, people and measures."""
    out: dict[str, Any] = {}
    for name, parts in reports.items():
        classes = {}
        for place, report in parts.items():
            plain = report.to_json()["measures"]
            measures = {measure: plain[measure] for measure in SLICED_MEASURES if measure in plain}
            classes[place] = {"people": report.people, "measures": measures}
        out[name] = {"title": SLICINGS[name].title, "classes": classes}
    return out
