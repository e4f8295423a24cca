"""One picture's prediction against its annotated people: the sums that every measure is a ratio of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.agreement import read_keypoints
from densepose_mobile.metrics.confidence import ConfidenceSamples
from densepose_mobile.metrics.keypoints import JOINT_KAPPA, JOINTS, LIMB_KEYPOINTS
from densepose_mobile.metrics.matching import covered_by, match_boxes
from densepose_mobile.metrics.pairing import point_distances
from densepose_mobile.metrics.posetrack import outside_ignored
from densepose_mobile.metrics.ranking import RankedPicture
from densepose_mobile.metrics.similarity import (
    Geodesics,
    geodesic_similarity,
    look_up,
    mask_iou,
)
from densepose_mobile.metrics.truth import TruthPerson, TruthPicture
from densepose_mobile.parts import KAPPA
from densepose_mobile.postprocess import box_iou
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["MEASURES", "EvaluationOptions", "PersonScore", "PictureScore", "score_picture"]

MEASURES: Final[dict[str, str]] = {
    "recall": "people found",
    "false_positives": "false positives a picture",
    "mask_iou": "mask IoU, missed = 0",
    "mask_iou_found": "mask IoU of the found",
    "keypoint_agreement": "keypoint-part agreement",
    "limb_agreement": "- limbs alone",
    **{f"agreement_{joint}": f"- {joint}" for joint in JOINTS},
    "swap_rate": "left/right swaps of limbs",
    "keypoint_gps": "keypoint-GPS",
    "gps": "GPS of surface points",
    "gpsm": "GPSm of surface points",
    "gps_true_part": "- were every part right",
    "gps_true_uv": "- were U and V right",
    "point_part": "points on the right part",
    "point_error_cm": "error of points found, cm",
}
"""Every measure that is a ratio of sums over pictures, with its title. results/README.md says what each means."""

_GEODESIC: Final = ("keypoint_gps", "gps", "gpsm", "gps_true_part", "gps_true_uv", "point_error_cm")


@dataclass(frozen=True)
class EvaluationOptions:
    """What counts as a person to find, and as found."""

    min_box_area: float = 96.0**2  # px², people with larger boxes are measured, the others ignored
    match_iou: float = 0.5
    window: int = 5  # px, side of the square around a keypoint


@dataclass(frozen=True, eq=False)
class PersonScore:
    """What one person adds to the sums of the picture. Measures that nothing of the person counts for are not there."""

    truth: TruthPerson
    sums: Mapping[str, tuple[float, float]]  # measure -> numerator, denominator


@dataclass(frozen=True, eq=False)
class PictureScore:
    """Sums of one picture; add them up over pictures and divide."""

    file_name: str
    sums: Mapping[str, tuple[float, float]]  # measure -> numerator, denominator
    point_confidence: ConfidenceSamples | None = None  # at annotated surface points
    keypoint_confidence: ConfidenceSamples | None = None  # at visible keypoints
    ranked: Mapping[str, RankedPicture] = field(default_factory=dict)  # by name of pairing.SIMILARITIES
    people: Sequence[PersonScore] = ()  # who was to be found; the sums are theirs, and the false positives

    def to_json(self) -> dict[str, Any]:
        """File name and sums."""
        return {"file_name": self.file_name, "sums": {name: list(pair) for name, pair in self.sums.items()}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "PictureScore":
        """The sums again, as `to_json` wrote them. Raises InputError on anything else."""
        try:
            sums = {str(name): (float(pair[0]), float(pair[1])) for name, pair in content["sums"].items()}
            return cls(str(content["file_name"]), sums)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"no scores of a picture: {str(content)[:80]} ({error!r})") from error


@dataclass(eq=False)
class _Tally:
    sums: dict[str, list[float]] = field(default_factory=lambda: {name: [0.0, 0.0] for name in MEASURES})

    def add(self, name: str, above: float, below: float = 1) -> None:
        self.sums[name][0] += float(above)
        self.sums[name][1] += float(below)

    def extend(self, name: str, values: NDArray[Any]) -> None:
        self.add(name, float(np.sum(values)), len(values))

    def counted(self, left_out: Sequence[str]) -> dict[str, tuple[float, float]]:
        return {name: (a, b) for name, (a, b) in self.sums.items() if b and name not in left_out}


def score_picture(
    result: DensePoseResult,
    picture: TruthPicture,
    atlas: Geodesics | None = None,
    options: EvaluationOptions | None = None,
) -> PictureScore:
    """Measure one picture's prediction. For average precision, see `pairing.rank_picture`.

    atlas: for geodesic distances; the measures that need them are left out when None.

    Raises InputError when the prediction is of a picture of another size.
    """
    options = options or EvaluationOptions()
    if (result.height, result.width) != (picture.height, picture.width):
        raise InputError(
            f"the prediction is {result.width} x {result.height} px, the annotated picture {picture.file_name} "
            f"{picture.width} x {picture.height} px; annotations must be of the upright picture: where "
            "its EXIF data turn it, save it upright and annotate that"
        )
    result = outside_ignored(result, picture)
    counted = [person for person in picture.people if not person.crowd and person.box_area > options.min_box_area]
    pairs = match_boxes(result.boxes, _boxes(counted), options.match_iou)
    left_out = _GEODESIC if atlas is None else ()
    points: list[ConfidenceSamples] = []
    joints: list[ConfidenceSamples] = []
    both = [(result.people[row] if row >= 0 else None, truth) for truth, row in zip(counted, pairs, strict=True)]
    distances = _point_distances(both, atlas)
    people = []
    for found, truth in both:
        own = _Tally()
        _score_mask(own, found, truth)
        joints.extend(_score_keypoints(own, found, truth, atlas, options))
        points.extend(_score_points(own, found, truth, distances.get(truth.id)))
        people.append(PersonScore(truth, own.counted(left_out)))
    tally = _Tally()
    tally.add("false_positives", _false_positives(result, picture, counted, pairs, options))
    for person in people:
        for name, pair in person.sums.items():
            tally.add(name, *pair)
    return PictureScore(
        file_name=picture.file_name,
        sums={name: (above, below) for name, (above, below) in tally.sums.items() if name not in left_out},
        people=people,
        point_confidence=ConfidenceSamples.join(points),
        keypoint_confidence=ConfidenceSamples.join(joints),
    )


def _boxes(people: Iterable[TruthPerson]) -> NDArray[np.float32]:
    return np.array([person.box for person in people], np.float32).reshape(-1, 4)


def _false_positives(
    result: DensePoseResult,
    picture: TruthPicture,
    counted: list[TruthPerson],
    pairs: NDArray[np.intp],
    options: EvaluationOptions,
) -> int:
    others = [person for person in picture.people if not person.crowd and person not in counted]
    crowds = [person for person in picture.people if person.crowd]
    left = np.setdiff1d(np.arange(len(result)), pairs)
    boxes = result.boxes[left]
    excused = (box_iou(boxes, _boxes(others)) >= options.match_iou).any(1)
    excused |= (covered_by(boxes, _boxes(crowds)) >= options.match_iou).any(1)
    return int((~excused).sum())


def _score_mask(tally: _Tally, found: Person | None, truth: TruthPerson) -> None:
    tally.add("recall", found is not None)
    overlap = mask_iou(found, truth.mask) if found else 0.0
    tally.add("mask_iou", overlap)
    if found:
        tally.add("mask_iou_found", overlap)


def _score_keypoints(
    tally: _Tally, found: Person | None, truth: TruthPerson, atlas: Geodesics | None, options: EvaluationOptions
) -> Iterable[ConfidenceSamples]:
    reading = read_keypoints(found, truth.keypoints, truth.height, truth.width, options.window)
    limb = np.isin(reading.keypoint, list(LIMB_KEYPOINTS))
    tally.extend("keypoint_agreement", reading.correct)
    tally.extend("limb_agreement", reading.correct[limb])
    sided = limb & (reading.correct | reading.mirrored)
    tally.extend("swap_rate", reading.mirrored[sided])
    for joint, indices in JOINTS.items():
        tally.extend(f"agreement_{joint}", reading.correct[np.isin(reading.keypoint, indices)])
    if atlas is not None:
        kappa = JOINT_KAPPA[reading.keypoint]
        error = atlas.keypoint_distance(reading.keypoint, reading.part, reading.uv)
        tally.extend("keypoint_gps", geodesic_similarity(error, kappa))
        on = reading.part > 0
        yield ConfidenceSamples(reading.confidence[on], (error < kappa)[on])


def _point_distances(
    both: Iterable[tuple[Person | None, TruthPerson]], atlas: Geodesics | None
) -> dict[int, dict[str, NDArray[np.float32]]]:
    """Distances at the surface points of the people who were found, by the person's id; all of them in one go."""
    found = [(person, truth) for person, truth in both if person is not None and truth.points]
    if atlas is None or not found:
        return {}
    distances, owner = point_distances(
        atlas, [(person, truth.points) for person, truth in found if truth.points is not None]
    )
    return {
        truth.id: {name: metres[owner == index] for name, metres in distances.items()}
        for index, (_, truth) in enumerate(found)
    }


def _score_points(
    tally: _Tally, found: Person | None, truth: TruthPerson, distances: Mapping[str, NDArray[np.float32]] | None
) -> Iterable[ConfidenceSamples]:
    """distances: at each point, as `pairing.point_distances` names them; None without an atlas."""
    points = truth.points
    if points is None or not len(points):
        return
    if found is None:
        tally.add("point_part", 0, len(points))
        for name in ("gps", "gpsm", "gps_true_part", "gps_true_uv"):
            tally.add(name, 0)
        return
    part, _, confidence = look_up(found, points.xy)
    tally.extend("point_part", part == points.part)
    if distances is not None:
        kappa = KAPPA[points.part]
        similarities = {name: float(geodesic_similarity(d, kappa).mean()) for name, d in distances.items()}
        for name, value in similarities.items():
            tally.add(name, value)
        tally.add("gpsm", np.sqrt(similarities["gps"] * mask_iou(found, truth.dense_mask)))
        error, on = distances["gps"], part > 0
        tally.extend("point_error_cm", error[np.isfinite(error)] * 100)
        yield ConfidenceSamples(confidence[on], (error < kappa)[on])
