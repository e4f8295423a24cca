"""Crops of annotated people at one scale, their part masks and surface points: what the inpainting network learns from.

The label picture of an annotated photo is what is known of a person without the points, so that it is the network's
input: coarse parts from part masks, or from joints where there are no such masks, and else the bare silhouette.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import TruthPerson, TruthPicture
from densepose_mobile.train.data.annotated import AnnotatedPhotos, annotated_scene
from densepose_mobile.train.data.augment import warp_image
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.data.draws import Draw, generator
from densepose_mobile.train.data.looks import share
from densepose_mobile.train.data.samples import Augmentation, Scene, jittered_square
from densepose_mobile.train.data.stream import Stream, check_share, load_batches
from densepose_mobile.train.data.targets import UNKNOWN, UNKNOWN_PART, sample_maps

__all__ = ["CropPlan", "CropStream", "PersonCrop", "PersonCrops", "cut_person", "person_square"]

_SMALLEST: Final = 40.0  # px, longer side of the box of the smallest people that are learned from


@dataclass(frozen=True)
class CropPlan:
    """How people are cut out."""

    size: int = 192  # px, side of the crops, a multiple of 32
    margin: float = 1.2  # side / longer side of the person's box
    batch: int = 16  # crops, over all processes
    maskless: float = 0.15  # share of crops without part masks, so that people who have none can be filled in as well


@dataclass(frozen=True, eq=False)
class PersonCrop:
    """One person. image: (S, S, 3) uint8. codes: (S/2, S/2) uint8 of `train.data.targets`.

    points: (K, 6) x, y px of the crop, part, U, V, instance.
    """

    image: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    points: NDArray[np.float32]


def person_square(box: NDArray[np.floating], margin: float) -> NDArray[np.float64]:
    """(4,) xyxy px: the square about a box, `margin` times its longer side, at least two pixels wide."""
    box = np.asarray(box, np.float64)
    half = max(float((box[2:] - box[:2]).max()) * margin, 2.0) / 2
    middle = (box[:2] + box[2:]) / 2
    return np.concatenate([middle - half, middle + half])


def cut_person(scene: Scene, row: int, matrix: NDArray[np.float64], size: int) -> PersonCrop:
    """Cut the person in a row of the scene out of a photo. matrix: (2, 3) from the crop's pixels to the picture's."""
    cells = np.array([[2.0, 0, 0], [0, 2.0, 0], [0, 0, 1]])
    codes = sample_maps(scene.labels, matrix @ cells, size // 2, row + 1)[0]
    codes[codes == UNKNOWN] = 0
    points = scene.points[scene.points[:, 5] == row + 1].copy()
    points[:, :2] = np.linalg.solve(matrix[:, :2], (points[:, :2] - matrix[:, 2]).T).T
    points = points[((points[:, :2] >= 0) & (points[:, :2] < size)).all(1)]
    return PersonCrop(warp_image(scene.image, matrix, size), codes, points)


@dataclass
class PersonCrops(Dataset[Batch]):
    """Batches, by number, of the people of annotated photos who have surface points; dense labels are not looked at.

    All people in random order, then again in another. What a batch holds follows from seed and number alone: crop_image
    (B, S, S, 3) uint8, crop_codes (B, S/2, S/2) uint8, crop_points (B, K, 6) float32, of which rows of part 0 are none.
    Of `world` processes that train together each makes its part of a batch.
    """

    photos: AnnotatedPhotos
    plan: CropPlan
    augmentation: Augmentation
    seed: int
    rank: int = 0
    world: int = 1
    _people: list[tuple[TruthPicture, TruthPerson]] = field(default_factory=list, init=False, repr=False)

    def __getitem__(self, number: int) -> Batch:
        """Make a batch. Raises InputError where nobody has surface points, or a photo cannot be used."""
        if not self._people:
            self._people = list(_with_points(self.photos))
        size = self.plan.batch
        first, end = share(size, self.rank, self.world)
        crops = [self._crop(number * size + place) for place in range(first, end)]
        return {
            "number": number,
            "pictures": (number + 1) * size,
            "crop_image": torch.from_numpy(np.stack([crop.image for crop in crops])),
            "crop_codes": torch.from_numpy(np.stack([crop.codes for crop in crops])),
            "crop_points": pad_sequence([torch.from_numpy(crop.points) for crop in crops], batch_first=True),
        }

    def _crop(self, sample: int) -> PersonCrop:
        times, place = divmod(sample, len(self._people))
        order = generator(self.seed, Draw.PHOTOS, times).permutation(len(self._people))
        rng = generator(self.seed, Draw.ROW, sample)
        scene = self._scene(*self._people[order[place]])
        for seen in (scene.disturbed(rng, self.augmentation, partial(self._texture, rng)), scene):
            square = person_square(seen.boxes[0], self.plan.margin)
            matrix = jittered_square(rng, square, self.plan.size, self.augmentation)
            crop = cut_person(seen, 0, matrix, self.plan.size)
            if len(crop.points):
                break
        if rng.random() < self.plan.maskless:
            crop.codes[crop.codes > 0] = UNKNOWN_PART
        return crop

    def _texture(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        picture, _ = self._people[rng.integers(len(self._people))]
        return load_image(self.photos.images / picture.file_name)

    def _scene(self, picture: TruthPicture, person: TruthPerson) -> Scene:
        rgb = load_image(self.photos.images / picture.file_name)
        return annotated_scene(replace(picture, people=(person,)), rgb)


@dataclass
class CropStream(Stream):
    """The batches of people from a number on, endless."""

    crops: PersonCrops
    begin: int = 0  # number of the first batch

    def loader(self, workers: int) -> "DataLoader[Batch]":
        """See `Stream`. Raises InputError when a batch is too small to be shared."""
        check_share("inpainting.crops.batch", self.crops.plan.batch, self.crops.world)
        return load_batches(self.crops, _From(self.begin), workers)

    def place(self, batches: int) -> dict[str, int]:
        """See `Stream`."""
        return {"batch": batches}

    def summary(self, batches: int) -> dict[str, int]:
        """See `Stream`."""
        return {"pictures": batches * self.crops.plan.batch}


@dataclass(frozen=True)
class _From:
    begin: int

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.begin)


def _with_points(photos: AnnotatedPhotos) -> Iterator[tuple[TruthPicture, TruthPerson]]:
    found = False
    for picture in photos.pictures():
        for person in picture.people:
            longer = float((person.box[2:] - person.box[:2]).max())
            if person.points is not None and len(person.points) and not person.crowd and longer >= _SMALLEST:
                found = True
                yield picture, person
    if not found:
        raise InputError(
            f"nobody of {_SMALLEST:.0f} px or more in {photos.annotations} has surface points (dp_x, dp_y, dp_I, dp_U, "
            "dp_V); give a DensePose-COCO file"
        )
