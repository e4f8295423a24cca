"""Every prediction of a picture against every annotated person: what average precision ranks."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.metrics.matching import covered_by
from densepose_mobile.metrics.posetrack import outside_ignored
from densepose_mobile.metrics.ranking import RankedPicture
from densepose_mobile.metrics.similarity import Distances, geodesic_similarity, look_up, mask_iou
from densepose_mobile.metrics.truth import SurfacePoints, TruthPerson, TruthPicture
from densepose_mobile.parts import KAPPA
from densepose_mobile.postprocess import box_iou
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["SIMILARITIES", "point_distances", "rank_picture"]

SIMILARITIES: Final = ("gps", "gpsm", "iou", "gps_true_part", "gps_true_uv")
"""What predictions are ranked by; `point_distances` says what the last two are."""


def point_distances(
    atlas: Distances, pairs: Sequence[tuple[Person, SurfacePoints]]
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.intp]]:
    """Metres along the body from each annotated point to what is predicted there, all pairs one after another.

    "gps": to the predicted point, infinite where background is predicted. "gps_true_part": to the true part at the
    predicted U and V, where anything is predicted. "gps_true_uv": to the predicted part at the true U and V. What these
    gain tells what the wrong parts, or the wrong coordinates, cost.

    Returns (K,) by name, and the pair (K,) of each point.
    """
    owner = np.repeat(np.arange(len(pairs)), [len(points) for _, points in pairs])
    looks = [look_up(person, points.xy) for person, points in pairs]
    part = np.concatenate([np.zeros(0, np.uint8), *(look[0] for look in looks)])
    uv = np.concatenate([np.zeros((2, 0), np.float32), *(look[1] for look in looks)], axis=1)
    true_part = np.concatenate([np.zeros(0, np.uint8), *(points.part for _, points in pairs)])
    true_uv = np.concatenate([np.zeros((2, 0), np.float32), *(points.uv for _, points in pairs)], axis=1)
    right = part == true_part
    on = part > 0

    def fill(distance: NDArray[np.float32], asked: NDArray[np.bool_], part: Any, uv: Any) -> NDArray[np.float32]:
        distance[asked] = atlas.geodesic(part[asked], uv[:, asked], true_part[asked], true_uv[:, asked])
        return distance

    nowhere = np.full(len(part), np.inf, np.float32)
    predicted = fill(nowhere.copy(), on, part, uv)
    wrong = on & ~right  # where the part is right, the true part changes nothing and the true U and V are no way off
    return {
        "gps": predicted,
        "gps_true_part": fill(predicted.copy(), wrong, true_part, uv),
        "gps_true_uv": fill(np.where(right, np.float32(0), nowhere), wrong, part, true_uv),
    }, owner


def rank_picture(result: DensePoseResult, picture: TruthPicture, atlas: Distances) -> dict[str, RankedPicture]:
    """One picture's predictions and people, by similarity.

    People of any size take part. Crowds, and people without surface points, are ignored; predictions match them by box.
    A prediction whose box does not touch a person's has no similarity to that person.
    """
    result = outside_ignored(result, picture)
    people = picture.people
    crowd = np.array([person.crowd for person in people], bool)
    boxes = np.array([person.box for person in people], np.float32).reshape(-1, 4)
    overlap = box_iou(result.boxes, boxes)
    loose = np.where(crowd, covered_by(result.boxes, boxes), overlap).astype(np.float32)
    annotated = np.array([_points(person) is not None for person in people], bool)
    masks = [person.dense_mask for person in people]
    rows, columns = np.nonzero((overlap > 0) & annotated)
    table = {name: np.where(annotated, np.float32(0), loose) for name in SIMILARITIES}
    pairs = [
        (result.people[row], points)
        for row, column in zip(rows, columns, strict=True)
        if (points := _points(people[column])) is not None
    ]
    distances, owner = point_distances(atlas, pairs)
    kappa = np.concatenate([np.zeros(0), *(KAPPA[points.part] for _, points in pairs)])
    counts = np.bincount(owner, minlength=len(pairs))
    for name, distance in distances.items():
        table[name][rows, columns] = np.bincount(owner, geodesic_similarity(distance, kappa), len(pairs)) / counts
    for row, column in zip(rows, columns, strict=True):
        table["iou"][row, column] = mask_iou(result.people[row], masks[column])
    table["gpsm"][rows, columns] = np.sqrt(table["gps"][rows, columns] * table["iou"][rows, columns])
    sizes = np.array([person.mask.sum() for person in result.people], np.float32)
    areas = np.array([mask.sum() for mask in masks], np.float32)
    return {
        name: RankedPicture(result.scores, sizes, similarity, areas, ~annotated, crowd)
        for name, similarity in table.items()
    }


def _points(person: TruthPerson) -> SurfacePoints | None:
    return person.points if not person.crowd and person.points is not None and len(person.points) else None
