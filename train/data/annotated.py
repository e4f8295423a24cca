"""Annotated photos as training scenes: DensePose-COCO, or any COCO person file, through the one reader.

Boxes and masks teach the detector and the silhouette, surface points part and U, V where they lie, coarse part masks
the part elsewhere, and so do visible keypoints where there are no such masks. Dense labels beside the file (filled in
by the inpainting network, or true ones) teach part and U, V in the rest of the mask. What nobody says is marked as
unknown and costs nothing. Crowds, and regions in which nobody was annotated, are unknown as well, and whoever is found
in them is neither right nor wrong.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import SurfacePoints, TruthPerson, TruthPicture, missing_pictures, read_coco
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.metrics.segmentation import fill_polygons
from densepose_mobile.provenance import refuse_eval_only
from densepose_mobile.train.data.croppable import croppable, longer_sides
from densepose_mobile.train.data.dense_labels import DenseLabels
from densepose_mobile.train.data.joints import joint_parts
from densepose_mobile.train.data.samples import MAX_PEOPLE, NO_POINTS, Scene
from densepose_mobile.train.data.targets import COARSE, UNKNOWN, UNKNOWN_PART

__all__ = ["AnnotatedPhotos", "Photo", "annotated_scene", "split_points"]

_log = logging.getLogger(__name__)

_MOST_CROWDS: Final = MAX_PEOPLE // 4
_SMALLEST: Final = 60.0  # visible px below which a person is neither found nor missed, as of rendered people


@dataclass(frozen=True, eq=False)
class Photo:
    """An annotated photo that was not looked at yet.

    number: its place in the annotation file. people: rows of its scene who can be cropped, unless others hide them.
    sizes: px, longer side of their box.
    """

    number: int
    truth: TruthPicture
    people: tuple[int, ...]
    sizes: tuple[float, ...]

    @classmethod
    def of(cls, number: int, truth: TruthPicture) -> "Photo":
        """From the annotations."""
        known = _known(truth)
        boxes = np.array([person.box for person in known], np.float32).reshape(-1, 4)
        area = np.array([person.box_area for person in known], np.int64)
        rows = croppable(boxes, area, np.full(len(known), _SMALLEST))
        return cls(number, truth, tuple(rows.tolist()), tuple(longer_sides(boxes)[rows].tolist()))


@dataclass(frozen=True)
class AnnotatedPhotos:
    """A COCO person file and the folder of its pictures. Neither may be marked as for evaluation only.

    dense: folder of dense labels of the file's people. kept_back: of each person's surface points every so-many-th is
    kept back, to be compared with; 0 keeps none back.
    """

    annotations: Path
    images: Path
    dense: Path | None = None
    kept_back: int = 0

    def pictures(self) -> list[TruthPicture]:
        """Those whose photo is there, in the file's order, with the surface points that are not kept back.

        Raises InputError for eval-only data, a file that is no COCO file, or a folder that holds none of the pictures.
        """
        refuse_eval_only(self.annotations)
        refuse_eval_only(self.images)
        file = read_coco(self.annotations)
        for entry in file.left_out:
            _log.warning("left out: %s", entry)
        missing = set(missing_pictures(file.pictures, self.images))
        pictures = [picture for picture in file.pictures if picture.file_name not in missing]
        if not pictures:
            raise InputError(f"none of the {len(file.pictures)} pictures of {self.annotations} is in {self.images}")
        _log.info("%d annotated photos, %d missing", len(pictures), len(missing))
        if not self.kept_back:
            return pictures
        return [
            replace(picture, people=tuple(_taught(person, self.kept_back) for person in picture.people))
            for picture in pictures
        ]

    def read(self) -> list[Photo]:
        """`pictures`, each with whom of it can be cropped."""
        return [Photo.of(number, picture) for number, picture in enumerate(self.pictures())]

    def open_dense(self) -> DenseLabels | None:
        """The dense labels, if there are any; InputError when they are not complete or belong to another file."""
        return None if self.dense is None else DenseLabels.open(self.dense, self.annotations)


def split_points(points: SurfacePoints, every: int) -> tuple[SurfacePoints, SurfacePoints]:
    """All but every `every`-th point, and those. Annotators went part by part, so that these lie on all parts."""
    back = np.arange(len(points)) % every == every - 1
    taught, kept_back = (
        SurfacePoints(points.xy[chosen], points.part[chosen], points.uv[:, chosen]) for chosen in (~back, back)
    )
    return taught, kept_back


def _known(picture: TruthPicture) -> Sequence[TruthPerson]:
    """People whose annotations are used, the first rows of the scene, the largest first; crowds are the rows behind."""
    crowds = sum(person.crowd for person in picture.people) + len(picture.ignored)
    people = sorted((person for person in picture.people if not person.crowd), key=lambda person: -person.box_area)
    return people[: MAX_PEOPLE - min(crowds, _MOST_CROWDS)]


def _crowd_masks(picture: TruthPicture) -> Iterator[NDArray[np.bool_]]:
    """(H, W) of each crowd, then of each region in which nobody was annotated."""
    yield from (person.mask for person in picture.people if person.crowd)
    yield from (fill_polygons([polygon], picture.height, picture.width) for polygon in picture.ignored)


def annotated_scene(picture: TruthPicture, rgb: NDArray[np.uint8], dense: DenseLabels | None = None) -> Scene:
    """An annotated photo with its label picture. Its crowds are rows of the scene that are never large enough to judge.

    Of more than MAX_PEOPLE people and crowds the small ones are unknown to the dense maps, and nobody to the detector.
    Dense labels count where the person's mask is; the mask stays what was annotated.

    Raises InputError when the photo is of another size than its annotations, or a file of dense labels is broken.
    """
    if rgb.shape[:2] != (picture.height, picture.width):
        raise InputError(
            f"{picture.file_name} is {rgb.shape[1]} x {rgb.shape[0]} px, its annotations are of "
            f"{picture.width} x {picture.height} px"
        )
    labels = np.zeros((*rgb.shape[:2], 4), np.uint8)
    known = _known(picture)
    for person in picture.people:
        if not person.crowd and person not in known:
            labels[person.mask] = (UNKNOWN, 0, 0, 0)
    crowds = 0
    for mask in _crowd_masks(picture):
        crowds += crowds < _MOST_CROWDS  # beyond that they share the last row
        labels[mask] = (UNKNOWN, 0, 0, len(known) + crowds)
    points = [NO_POINTS]
    keypoints = np.zeros((len(known) + crowds, len(KEYPOINT_NAMES), 3), np.float32)
    for instance, person in enumerate(known, 1):  # smaller people lie on top: they would vanish beneath
        mask = person.mask
        labels[mask] = (UNKNOWN_PART, 0, 0, instance)
        if person.keypoints is not None:
            labels[mask, 0] = joint_parts(person.keypoints, mask)[mask]
            keypoints[instance - 1] = person.keypoints
        coarse = person.coarse_parts
        if coarse is not None:
            told = mask & (coarse > 0)
            labels[told, 0] = COARSE + coarse[told]
        if dense is not None:
            _fill_in(labels, mask, dense, person.id)
        points.append(_points(person, instance))
    least = np.where(np.arange(len(keypoints)) < len(known), _SMALLEST, np.inf)
    return Scene.of(rgb, labels, least, np.concatenate(points), keypoints)


def _fill_in(labels: NDArray[np.uint8], mask: NDArray[np.bool_], dense: DenseLabels, annotation: int) -> None:
    found = dense.of(annotation)
    if found is None:
        return
    (x, y, width, height), iuv = found
    window = slice(y, y + height), slice(x, x + width)
    own = mask[window] & (iuv[..., 0] > 0)
    labels[window][own, :3] = iuv[own]


def _taught(person: TruthPerson, every: int) -> TruthPerson:
    return person if person.points is None else replace(person, points=split_points(person.points, every)[0])


def _points(person: TruthPerson, instance: int) -> NDArray[np.float32]:
    points = person.points
    if points is None or not len(points):
        return NO_POINTS
    return np.column_stack([points.xy, points.part, *points.uv, np.full(len(points), instance)]).astype(np.float32)
