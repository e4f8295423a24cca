"""How well dense labels agree with annotated surface points: those that were trained on, and those that were not."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import SurfacePoints, TruthPerson, TruthPicture
from densepose_mobile.metrics.similarity import Distances, geodesic_similarity
from densepose_mobile.parts import KAPPA
from densepose_mobile.train.data.annotated import AnnotatedPhotos, annotated_scene, split_points
from densepose_mobile.train.data.dense_labels import DenseLabels, Window, seen_window
from densepose_mobile.train.engine.inpaint import fill_in
from densepose_mobile.train.models.inpainting import InpaintingNet

__all__ = ["Agreement", "PointCheck", "agreement"]


@dataclass
class Agreement:
    """Sums over surface points."""

    distances: Distances
    points: int = 0
    right: int = 0  # of the true part
    gap: float = 0.0  # |difference| of U and of V, where the part is right
    labelled: int = 0
    metres: float = 0.0  # along the body, where there is a label
    similarity: float = 0.0  # exp(-d² / 2 kappa²), 0 without a label

    def add(self, points: SurfacePoints, window: Window, iuv: NDArray[np.uint8]) -> None:
        """Compare a person's points with the labels (height, width, 3) of the window."""
        x, y, width, height = window
        column, row = np.floor(points.xy).astype(np.intp).T - np.array([[x], [y]])
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        found = iuv[np.where(inside, row, 0), np.where(inside, column, 0)]
        part = np.where(inside, found[:, 0], 0).astype(np.uint8)
        uv = found[:, 1:].T.astype(np.float32) / np.float32(255)
        right, there = part == points.part, part > 0
        self.points += len(points)
        self.right += int(right.sum())
        self.gap += float(np.abs(uv - points.uv)[:, right].sum())
        self.labelled += int(there.sum())
        if there.any():
            true = points.part[there]
            distance = self.distances.geodesic(part[there], uv[:, there], true, points.uv[:, there])
            self.metres += float(distance.sum())
            self.similarity += float(geodesic_similarity(distance, KAPPA[true]).sum())

    def to_json(self) -> dict[str, float]:
        """points: how many. labelled, part: shares with a label, and with the true part. uv_error: chart units, where

        the part is true. distance_cm: along the body, where there is a label. gps: mean similarity.
        """
        if not self.points:
            return {"points": 0}
        return {
            "points": self.points,
            "labelled": round(self.labelled / self.points, 4),
            "part": round(self.right / self.points, 4),
            "uv_error": round(self.gap / max(2 * self.right, 1), 4),
            "distance_cm": round(100 * self.metres / max(self.labelled, 1), 2),
            "gps": round(self.similarity / self.points, 4),
        }


def agreement(
    dense: DenseLabels, pictures: Iterable[TruthPicture], kept_back: int | None, distances: Distances
) -> dict[str, dict[str, float]]:
    """Agreement of dense labels with all surface points of their people, `taught` and `kept_back`.

    kept_back: every so-many-th point of each person was not trained on; 0 when all were, None when none was.
    """
    taught, other = Agreement(distances), Agreement(distances)
    for picture in pictures:
        for person in picture.people:
            found = None if person.points is None else dense.of(person.id)
            if person.points is None or found is None:
                continue
            if kept_back:
                ours, theirs = split_points(person.points, kept_back)
                taught.add(ours, *found)
                other.add(theirs, *found)
            else:
                (other if kept_back is None else taught).add(person.points, *found)
    return {"taught": taught.to_json(), "kept_back": other.to_json()}


class PointCheck:
    """Examiner: fills in some annotated people, and compares with their points that are kept back."""

    def __init__(self, photos: AnnotatedPhotos, people: int, distances: Distances) -> None:
        """people: how many, spread over the file. With no points kept back, those that were trained on are compared."""
        self._photos, self._count, self._distances = photos, people, distances
        self._people: list[tuple[TruthPicture, TruthPerson, SurfacePoints]] = []

    def __call__(self, net: InpaintingNet, step: int) -> dict[str, float]:
        """Figures as `Agreement.to_json` says, but for the number of points."""
        every = self._photos.kept_back
        self._people = self._people or self._choose()
        sums = Agreement(self._distances)
        for picture, person, points in self._people:
            window = seen_window(person.mask)
            if window is not None:
                rgb = load_image(self._photos.images / picture.file_name)
                iuv = fill_in(net, annotated_scene(replace(picture, people=(person,)), rgb))
                sums.add(split_points(points, every)[1] if every else points, window, iuv)
        return {name: value for name, value in sums.to_json().items() if name != "points"}

    def _choose(self) -> list[tuple[TruthPicture, TruthPerson, SurfacePoints]]:
        least = max(self._photos.kept_back, 1)
        people = [
            (picture, person, person.points)
            for picture in replace(self._photos, kept_back=0).pictures()
            for person in picture.people
            if person.points is not None and len(person.points) >= least and not person.crowd
        ]
        return people[:: max(len(people) // self._count, 1)][: self._count]
