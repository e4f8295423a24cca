"""One picture's prediction against its annotated people: the sums that every measure is a ratio of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.agreement import read_keypoints
from densepose_mobile.metrics.confidence import ConfidenceSamples
from densepose_mobile.metrics.keypoints import JOINT_KAPPA, JOINTS, LIMB_KEYPOINTS
from densepose_mobile.metrics.matching import covered_by, match_boxes
from densepose_mobile.metrics.ranking import RankedPicture
from densepose_mobile.metrics.similarity import (
    Geodesics,
    geodesic_similarity,
    look_up,
    mask_iou,
    point_errors,
)
from densepose_mobile.metrics.truth import TruthPerson, TruthPicture
from densepose_mobile.parts import KAPPA
from densepose_mobile.postprocess import box_iou
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["MEASURES", "EvaluationOptions", "PictureScore", "score_picture"]

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
    "point_part": "points on the right part",
    "point_error_cm": "error of points found, cm",
}
"""Every measure that is a ratio of sums over pictures, with its title. results/README.md says what each means."""

_GEODESIC: Final = ("keypoint_gps", "gps", "gpsm", "point_error_cm")


@dataclass(frozen=True)
class EvaluationOptions:
    """What counts as a person to find, and as found."""

    min_box_area: float = 96.0**2  # px², people with larger boxes are measured, the others ignored
    match_iou: float = 0.5
    window: int = 5  # px, side of the square around a keypoint


@dataclass(frozen=True, eq=False)
class PictureScore:
    """Sums of one picture; add them up over pictures and divide."""

    file_name: str
    sums: Mapping[str, tuple[float, float]]  # measure -> numerator, denominator
    point_confidence: ConfidenceSamples | None = None  # at annotated surface points
    keypoint_confidence: ConfidenceSamples | None = None  # at visible keypoints
    gps: RankedPicture | None = None  # None without an atlas
    gpsm: RankedPicture | None = None

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


def score_picture(
    result: DensePoseResult,
    picture: TruthPicture,
    atlas: Geodesics | None = None,
    options: EvaluationOptions | None = None,
) -> PictureScore:
    """Measure one picture's prediction.

    atlas: for geodesic distances; the measures that need them are left out when None.

    Raises InputError when the prediction is of a picture of another size.
    """
    options = options or EvaluationOptions()
    if (result.height, result.width) != (picture.height, picture.width):
        raise InputError(
            f"the prediction is {result.width} x {result.height} px, the annotated picture {picture.file_name} "
            f"{picture.width} x {picture.height} px; annotations hold for the picture as it is stored"
        )
    counted = [person for person in picture.people if not person.crowd and person.box_area > options.min_box_area]
    pairs = match_boxes(result.boxes, _boxes(counted), options.match_iou)
    tally = _Tally()
    tally.add("false_positives", _false_positives(result, picture, counted, pairs, options))
    points: list[ConfidenceSamples] = []
    joints: list[ConfidenceSamples] = []
    for truth, row in zip(counted, pairs, strict=True):
        found = result.people[row] if row >= 0 else None
        _score_mask(tally, found, truth)
        joints.extend(_score_keypoints(tally, found, truth, atlas, options))
        points.extend(_score_points(tally, found, truth, atlas))
    gps, gpsm = _rank(result, picture, atlas)
    left_out = _GEODESIC if atlas is None else ()
    return PictureScore(
        file_name=picture.file_name,
        sums={name: (above, below) for name, (above, below) in tally.sums.items() if name not in left_out},
        point_confidence=ConfidenceSamples.join(points),
        keypoint_confidence=ConfidenceSamples.join(joints),
        gps=gps,
        gpsm=gpsm,
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


def _score_points(
    tally: _Tally, found: Person | None, truth: TruthPerson, atlas: Geodesics | None
) -> Iterable[ConfidenceSamples]:
    points = truth.points
    if points is None or not len(points):
        return
    if found is None:
        tally.add("point_part", 0, len(points))
        tally.add("gps", 0)
        tally.add("gpsm", 0)
        return
    part, _, confidence = look_up(found, points.xy)
    tally.extend("point_part", part == points.part)
    if atlas is not None:
        kappa = KAPPA[points.part]
        error = point_errors(atlas, found, points)
        on = part > 0
        gps = float(geodesic_similarity(error, kappa).mean())
        tally.add("gps", gps)
        tally.add("gpsm", np.sqrt(gps * mask_iou(found, truth.dense_mask)))
        tally.extend("point_error_cm", error[np.isfinite(error)] * 100)
        yield ConfidenceSamples(confidence[on], (error < kappa)[on])


def _rank(
    result: DensePoseResult, picture: TruthPicture, atlas: Geodesics | None
) -> tuple[RankedPicture | None, RankedPicture | None]:
    """Every prediction against every person of any size, for average precision. Ignored truth competes by overlap."""
    people = picture.people
    annotated = [not person.crowd and person.points is not None and len(person.points) > 0 for person in people]
    if atlas is None:
        return None, None
    overlap = box_iou(result.boxes, _boxes(people))
    crowd = np.array([person.crowd for person in people], bool)
    gps = np.where(crowd, covered_by(result.boxes, _boxes(people)), overlap)
    gpsm = gps.copy()
    areas = np.zeros(len(people), np.float32)
    for column, truth in enumerate(people):
        mask = truth.dense_mask
        areas[column] = mask.sum()
        points = truth.points
        if not annotated[column] or points is None:
            continue
        gps[:, column] = gpsm[:, column] = 0
        for row in np.flatnonzero(overlap[:, column]):
            person = result.people[row]
            value = geodesic_similarity(point_errors(atlas, person, points), KAPPA[points.part]).mean()
            gps[row, column], gpsm[row, column] = value, np.sqrt(value * mask_iou(person, mask))
    sizes = np.array([person.mask.sum() for person in result.people], np.float32)
    ignored = ~np.array(annotated, bool)
    return (
        RankedPicture(result.scores, sizes, gps, areas, ignored, crowd),
        RankedPicture(result.scores, sizes, gpsm, areas, ignored, crowd),
    )
