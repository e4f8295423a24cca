"""Training samples of a rendered picture: the whole picture for `detect`, one person's crop for `track`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.postprocess.rois import crop_square
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.augment import (
    Photometric,
    cut_window,
    mirror,
    mirror_points,
    paste_occluder,
    warp_image,
    warp_labels,
)
from densepose_mobile.train.data.croppable import SMALLEST_PIXELS, croppable, least_pixels
from densepose_mobile.train.data.keypoints import cut_keypoints, hide_keypoints, mirror_keypoints, moved, placed
from densepose_mobile.train.data.records import Picture
from densepose_mobile.train.data.targets import burn_points, instance_boxes, sample_maps, seen_in_square

__all__ = [
    "MAX_PEOPLE",
    "NO_POINTS",
    "Augmentation",
    "CropSample",
    "Scene",
    "WholeSample",
    "crop_sample",
    "jittered_square",
    "whole_sample",
]

MAX_PEOPLE = 24
"""People of one picture that a batch has room for."""

NO_POINTS = np.zeros((0, 6), np.float32)

_KEYPOINTS = len(KEYPOINT_NAMES), 3
_ZOOM = (0.7, 1.4)  # of whole pictures, least and most
_VISIBLE_SHARE = 0.5  # of a person's pixels that must lie in a crop that shows the person


@dataclass(frozen=True)
class Augmentation:
    """How far samples stray from the rendered pictures. Shares are probabilities."""

    photometric: float = 0.5  # strength; the renderer has a sensor of its own
    photometric_share: float = 0.3  # pictures whose light, colour or codec is changed
    flip: float = 0.5  # mirrored pictures
    window: float = 0.3  # pictures cut off by grey borders
    occluder: float = 0.05  # the renderer has occluders of its own
    rotate: float = 0.4  # turned crops; half as many whole pictures
    rotation: float = 15.0  # degrees, standard deviation
    shift: float = 0.07  # of the crop's side, standard deviation
    scale: float = 0.15  # of the logarithm of the crop's side, standard deviation
    negatives: float = 0.07  # crops that show nobody
    zoom: float = 0.5  # whole pictures drawn smaller or larger

    def light(self) -> Photometric:
        """The photometric part."""
        return Photometric(self.photometric, self.photometric_share)


@dataclass(frozen=True, eq=False)
class Scene:
    """A labelled picture. image: (H, W, 3) uint8 RGB. labels: (H, W, 4) uint8. boxes: (P, 4) tight xyxy px.

    counts: (P,) visible pixels of instances 1..P. least: (P,) px, a person with fewer is neither found nor missed.
    keypoints: (P, 17, 3) x, y px, visibility as of `PersonTruth`, 0 beyond the picture and where nothing is known.
    points: (K, 6) x, y px, part, U, V, instance: annotated surface points, where labels do not hold them.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    counts: NDArray[np.int64]
    least: NDArray[np.float64]
    keypoints: NDArray[np.float32]
    points: NDArray[np.float32] = field(default_factory=NO_POINTS.copy)

    @classmethod
    def of(
        cls,
        image: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        least: NDArray[np.float64],
        points: NDArray[np.float32] = NO_POINTS,
        keypoints: NDArray[np.float32] | None = None,
    ) -> "Scene":
        """Measure boxes and counts; leave out points whose person is not seen there, keypoints outside."""
        boxes, counts = instance_boxes(labels[..., 3], len(least))
        height, width = labels.shape[:2]
        if keypoints is None:
            keypoints = np.zeros((len(least), *_KEYPOINTS), np.float32)
        if len(points):
            column, row = np.floor(points[:, :2]).astype(np.intp).T
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            points = points[inside]
            points = points[labels[row[inside], column[inside], 3] == points[:, 5]]
        return cls(image, labels, boxes, counts, least, cut_keypoints(keypoints, width, height), points)

    @classmethod
    def from_picture(cls, picture: Picture, labels: NDArray[np.uint8]) -> "Scene":
        """A rendered picture with its label picture."""
        full = np.array([person.full_box for person in picture.people], np.float64).reshape(-1, 4)
        keypoints = np.array([person.keypoints for person in picture.people], np.float32).reshape(-1, *_KEYPOINTS)
        return cls.of(picture.image, labels, least_pixels(full, max(picture.instance.shape)), keypoints=keypoints)

    def disturbed(
        self, rng: np.random.Generator, aug: Augmentation, texture: Callable[[], NDArray[np.uint8]]
    ) -> "Scene":
        """Mirrored, cut off and occluded by chance; `texture` gives any other picture, and is seldom asked."""
        image, labels, people = aug.light()(rng, self.image), self.labels, len(self.boxes)
        points, keypoints = self.points, self.keypoints
        changed = False
        if rng.random() < aug.flip:
            image, labels, changed = np.ascontiguousarray(image[:, ::-1]), mirror(labels), True
            points, keypoints = mirror_points(points, image.shape[1]), mirror_keypoints(keypoints, image.shape[1])
        if rng.random() < aug.window:
            x0, y0, x1, y1 = cut_window(rng, image.shape[0], image.shape[1], 0.35)
            image, labels, changed = image[y0:y1, x0:x1], labels[y0:y1, x0:x1], True
            points, keypoints = moved(points, x0, y0), moved(keypoints, x0, y0)
        seen = np.flatnonzero(self.counts > 4 * self.least)
        if len(seen) and rng.random() < aug.occluder:
            image, labels = image.copy(), labels.copy()
            boxes, _ = instance_boxes(labels[..., 3], people) if changed else (self.boxes, None)
            before = labels[..., 3].copy()
            paste_occluder(rng, image, labels, boxes[rng.choice(seen)], texture())
            keypoints = hide_keypoints(keypoints, (before > 0) & (labels[..., 3] == 0))
            changed = True
        return Scene.of(image, labels, self.least, points, keypoints) if changed else replace(self, image=image)

    def around_someone(self, rng: np.random.Generator, among: Sequence[int] = ()) -> "Scene":
        """A window about a random person, up to four times as large as the person; the scene itself without people.

        among: rows of people, one of whom it shall be, if any of them can be cropped.
        """
        people = self.people()
        rows = people[np.isin(people, among)]
        rows = rows if len(rows) else people
        if not len(rows):
            return self
        x0, y0, x1, y1 = (float(c) for c in self.boxes[rng.choice(rows)])
        side = max(x1 - x0, y1 - y0) * np.exp(rng.uniform(np.log(1.1), np.log(4.0)))
        half = 0.5 * side * np.exp(np.array([1, -1]) * rng.uniform(-0.3, 0.3))  # of width and height
        middle = np.array([x0 + x1, y0 + y1]) / 2 + rng.uniform(-0.3, 0.3, 2) * half
        height, width = self.labels.shape[:2]
        left, top = np.clip(np.floor(middle - half), 0, (width - 1, height - 1)).astype(int)
        right, bottom = np.clip(np.ceil(middle + half), (left + 1, top + 1), (width, height)).astype(int)
        points, keypoints = moved(self.points, left, top), moved(self.keypoints, left, top)
        window = slice(top, bottom), slice(left, right)
        return Scene.of(self.image[window], self.labels[window], self.least, points, keypoints)

    def people(self) -> NDArray[np.intp]:
        """Rows of people that are large enough to be cropped."""
        return croppable(self.boxes, self.counts, self.least)


@dataclass(frozen=True, eq=False)
class WholeSample:
    """A letterboxed picture. image: (S, S, 3) uint8. labels: (S, S, 4) uint8. boxes: (MAX_PEOPLE, 4) xyxy px.

    kinds: (MAX_PEOPLE,) uint8, 0 nobody, 1 a person, 2 too small to judge; row i is instance i + 1.
    points: (K, 6) x, y px, part, U, V, instance. keypoints: (MAX_PEOPLE, 17, 3) x, y px, visibility.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    kinds: NDArray[np.uint8]
    points: NDArray[np.float32]
    keypoints: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CropSample:
    """A crop of one person or of nobody. image: (S, S, 3) uint8. maps: (3, M, M) uint8 of the central RoI.

    presence: 1.0 or 0.0. box: (4,) x0, y0, x1, y1 in crop units, cut to 0..1. keypoints: (17, 3) x, y in cells of the
    maps, 0..M, visibility, 0 beyond them. large: (T, T, 3) uint8, the same square for a teacher, where it was asked
    for. photo: whether it comes from a photo, of which less is known than of a rendered picture.
    """

    image: NDArray[np.uint8]
    maps: NDArray[np.uint8]
    presence: float
    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    large: NDArray[np.uint8] | None = None
    photo: bool = False


def whole_sample(rng: np.random.Generator, scene: Scene, spec: ModelSpec, aug: Augmentation) -> WholeSample:
    """The scene letterboxed at a random scale and place, turned a little by chance."""
    size = spec.detect_size
    height, width = scene.image.shape[:2]
    zoom = float(np.exp(rng.uniform(*np.log(_ZOOM)))) if rng.random() < aug.zoom else 1.0
    scale = zoom * size / max(height, width)
    slack = (size - scale * np.array([width, height])) / 2
    reach = np.abs(slack) if zoom != 1.0 else 0.0
    turn = np.deg2rad(rng.normal(0, aug.rotation / 2)) if rng.random() < aug.rotate / 2 else 0.0
    middle = np.array([width, height]) / 2 - rng.uniform(-1, 1, 2) * reach / scale
    matrix = _similarity(middle, 1 / scale, turn, size)
    image = warp_image(scene.image, matrix, size)
    labels = warp_labels(scene.labels, matrix, size)
    people = min(len(scene.boxes), MAX_PEOPLE)
    boxes, counts = instance_boxes(labels[..., 3], people)
    kinds = np.zeros(MAX_PEOPLE, np.uint8)
    seen = counts >= np.maximum(scene.least[:people] * scale**2, SMALLEST_PIXELS)
    kinds[:people] = np.where(counts == 0, 0, np.where(seen, 1, 2))
    padded = np.zeros((MAX_PEOPLE, 4), np.float32)
    padded[:people] = boxes
    keypoints = np.zeros((MAX_PEOPLE, *_KEYPOINTS), np.float32)
    keypoints[:people] = cut_keypoints(placed(scene.keypoints[:people], matrix), size, size)
    return WholeSample(image, labels, padded, kinds, placed(scene.points, matrix), keypoints)


def crop_sample(
    rng: np.random.Generator, scene: Scene, person: int | None, spec: ModelSpec, aug: Augmentation, teacher: int = 0
) -> CropSample | None:
    """A jittered crop of a row's person or of nobody, drawn again at `teacher` px if any; None when none was found."""
    for _ in range(6):
        if person is None:
            matrix = _empty_square(rng, scene, spec)
        else:
            matrix = jittered_square(rng, crop_square(scene.boxes[person], spec), spec.track_size, aug)
        box, share = seen_in_square(scene.labels, person, matrix, spec.track_size)
        if share < 0.05 if person is None else share >= _VISIBLE_SHARE:
            break
    else:
        return None
    image = warp_image(scene.image, matrix, spec.track_size)
    x0, y0, x1, _ = spec.track_roi
    side = (x1 - x0) / spec.map_size
    cells = np.array([[side, 0, x0], [0, side, y0], [0, 0, 1]])  # map cells to crop pixels
    instance = 255 if person is None else person + 1
    maps = sample_maps(scene.labels, matrix @ cells, spec.map_size, instance)
    burn_points(maps, scene.points, matrix @ cells, instance)
    joints = np.zeros(_KEYPOINTS, np.float32) if person is None else placed(scene.keypoints[person], matrix @ cells)
    keypoints = cut_keypoints(joints, spec.map_size, spec.map_size)
    larger = matrix @ np.diag([*[spec.track_size / max(teacher, 1)] * 2, 1.0])
    large = warp_image(scene.image, larger, teacher) if teacher else None
    return CropSample(image, maps, float(person is not None), box, keypoints, large)


def _similarity(middle: NDArray[np.floating], step: float, turn: float, size: int) -> NDArray[np.float64]:
    """(2, 3) map from a `size` square to the picture: its centre to `middle`, `step` px a pixel, turned by `turn`."""
    linear = step * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([linear, np.asarray(middle, np.float64) - linear @ np.array([size / 2, size / 2])])


def jittered_square(
    rng: np.random.Generator, square: NDArray[np.floating], size: int, aug: Augmentation
) -> NDArray[np.float64]:
    """(2, 3) map from `size` px crops to the picture: a square xyxy px, resized, shifted and turned a little."""
    x0, y0, x1, y1 = (float(v) for v in square)
    side = (x1 - x0) * float(np.exp(np.clip(rng.normal(0, aug.scale), -0.35, 0.4)))
    middle = np.array([x0 + x1, y0 + y1]) / 2 + np.clip(rng.normal(0, aug.shift, 2), -0.2, 0.2) * side
    turn = np.deg2rad(rng.normal(0, aug.rotation)) if rng.random() < aug.rotate else 0.0
    return _similarity(middle, side / size, float(turn), size)


def _empty_square(rng: np.random.Generator, scene: Scene, spec: ModelSpec) -> NDArray[np.float64]:
    height, width = scene.image.shape[:2]
    side = float(np.exp(rng.uniform(np.log(40), np.log(max(height, width)))))
    middle = rng.random(2) * (width, height)
    return _similarity(middle, side / spec.track_size, 0.0, spec.track_size)
