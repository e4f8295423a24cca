"""Training batches: orders of the stream's plan carried out, from shards of rendered pictures and annotated photos."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.annotated import AnnotatedPhotos, Photo, annotated_scene
from densepose_mobile.train.data.dense_labels import DenseLabels
from densepose_mobile.train.data.draws import Draw, generator
from densepose_mobile.train.data.guests import with_guests
from densepose_mobile.train.data.looks import Look, Order, Source
from densepose_mobile.train.data.samples import (
    Augmentation,
    CropSample,
    Scene,
    WholeSample,
    crop_sample,
    whole_sample,
)
from densepose_mobile.train.data.targets import Labeller, label_picture

__all__ = ["Batch", "TrainingBatches"]

_log = logging.getLogger(__name__)

_CLOSE: Final = 0.5  # share of photos that are cut out: few photos, but people of every size and place in a picture
_KEPT_PHOTOS: Final = 128  # labelled photos in memory, about 5 MB each
_OPEN_SHARDS: Final = 32  # files
_STILL: Final = Augmentation(*(0.0 for _ in fields(Augmentation)))

Batch = dict[str, Any]
"""whole_image (P, S, S, 3) uint8, whole_labels (P, S, S, 4) uint8, whole_boxes (P, M, 4), whole_kinds (P, M) uint8,
whole_points (P, K, 6) of which rows of instance 0 are none, whole_keypoints (P, M, 17, 3), whole_number (P,) int64 of
the look; crop_image (B, s, s, 3) uint8, crop_maps (B, 3, m, m) uint8, crop_presence (B,), crop_box (B, 4),
crop_keypoints (B, 17, 3), crop_photo (B,) bool, with `teacher_size` crop_large (B, T, T, 3) uint8: tensors.
number: int, of the batch. pictures: int, looks at pictures from the run's first to this batch's last."""


@dataclass
class TrainingBatches(Dataset[Batch]):
    """Makes the batches that a planner orders. The same order gives the same batch, whoever is asked.

    Shards lie in the folder or in folders within it, one for each surface set that was ever rendered.
    """

    folder: Path | None  # of shards; None where all pictures are annotated photos
    spec: ModelSpec
    augmentation: Augmentation
    labels: Callable[[Path], Labeller]  # of a folder that holds shards; called in the loading process
    seed: int
    photos: AnnotatedPhotos | None = None  # where the annotated ones are
    teacher_size: int = 0  # px, side of the crops that a teacher looks at; 0 without one
    _labellers: dict[Path, Labeller] = field(default_factory=dict, init=False, repr=False)
    _files: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _kept: dict[int, Scene] = field(default_factory=dict, init=False, repr=False)
    _told: set[str] = field(default_factory=set, init=False, repr=False)

    def __getitem__(self, order: Order) -> Batch:
        """Make the batch."""
        batch: Batch = {"number": order.number, "pictures": order.pictures}
        if order.wholes:
            batch |= _collate_wholes([self._whole(look) for look in order.wholes])
            batch["whole_number"] = torch.tensor([look.number for look in order.wholes])
        crops = [sample for look in order.crops for sample in self._crops(look)]
        if crops:
            batch |= _collate_crops(crops)
        return batch

    def _whole(self, look: Look) -> WholeSample:
        scene, aug = next(self._views(look))[1:]
        return whole_sample(generator(self.seed, Draw.ROW, look.number, look.first), scene, self.spec, aug)

    def _crops(self, look: Look) -> list[CropSample]:
        views = _Replay(self._views(look))
        return [self._crop(look, look.first + i, person, views) for i, person in enumerate(look.people)]

    def _crop(self, look: Look, number: int, person: int | None, views: "_Replay") -> CropSample:
        """The crop that is wanted, or the next best: of the undisturbed picture, or of somebody in a spare one."""
        rng = generator(self.seed, Draw.ROW, look.number, number)
        for source, scene, aug in views:
            others = source is not look.sources[0]
            wanted = [person]
            if others:
                wanted = [None] * (person is None) + [int(row) for row in rng.permutation(source.people)]
            for row in wanted:
                if row is None or row in scene.people():
                    sample = crop_sample(rng, scene, row, self.spec, aug, self.teacher_size)
                    if sample is not None:
                        return replace(sample, photo=isinstance(source, Photo))
        raise InputError(f"nobody could be cropped from any of {', '.join(map(_name, look.sources))}")

    def _views(self, look: Look) -> Iterator[tuple[Source, Scene, Augmentation]]:
        """Each picture that can be read: as it shall be disturbed, then as it is.

        Raises InputError when none of them can be read.
        """
        rng = generator(self.seed, Draw.LOOK, look.number)
        seen = False
        for source in look.sources:
            scene = self._scene(source)
            if scene is None:
                continue
            seen = True
            shown = scene
            if isinstance(source, Photo) and rng.random() < _CLOSE:
                shown = scene.around_someone(rng, [row for row in look.among if row is not None])
            guests = None if look.guests is None else self._scene(look.guests)
            if guests is not None:
                shown = with_guests(rng, shown, guests)
            texture = partial(self._texture, look, scene)
            yield source, shown.disturbed(rng, self.augmentation, texture), self.augmentation
            yield source, scene, _STILL
        if not seen:
            raise InputError(f"none of {', '.join(map(_name, look.sources))} can be read; is the disk at fault?")

    def _texture(self, look: Look, scene: Scene) -> NDArray[np.uint8]:
        """Any other picture."""
        other = self._scene(look.sources[-1])
        return (scene if other is None else other).image

    def _scene(self, source: Source) -> Scene | None:
        """A labelled picture, or None with a warning when it cannot be read."""
        try:
            return self._photo(source) if isinstance(source, Photo) else self._rendered(source)
        except (InputError, OSError) as error:
            name = _name(source)
            if name not in self._told:
                _log.warning("a picture of %s is left out: %s", name, error)
                self._told.add(name)
            return None

    def _rendered(self, source: Source) -> Scene:
        assert self.folder is not None
        assert not isinstance(source, Photo)
        path = self.folder / source.shard
        if source.shard not in self._files:
            while len(self._files) >= _OPEN_SHARDS:
                os.close(self._files.pop(next(iter(self._files))))
            self._files[source.shard] = os.open(path, os.O_RDONLY)
        picture = source.read(self._files[source.shard])
        if path.parent not in self._labellers:
            self._labellers[path.parent] = self.labels(path.parent)
        return Scene.from_picture(picture, label_picture(picture, self._labellers[path.parent]))

    def _photo(self, photo: Photo) -> Scene:
        assert self.photos is not None
        scene = self._kept.get(photo.number)
        if scene is None:
            image = load_image(self.photos.images / photo.truth.file_name)
            scene = annotated_scene(photo.truth, image, self._dense)
            if len(self._kept) < _KEPT_PHOTOS:
                self._kept[photo.number] = scene
        return scene

    @cached_property
    def _dense(self) -> DenseLabels | None:
        return None if self.photos is None else self.photos.open_dense()


class _Replay:
    """An iterator's values, any number of times, each made once and only when it is asked for."""

    def __init__(self, values: Iterator[tuple[Source, Scene, Augmentation]]) -> None:
        self._values, self._made = values, list[tuple[Source, Scene, Augmentation]]()

    def __iter__(self) -> Iterator[tuple[Source, Scene, Augmentation]]:
        yield from self._made
        for value in self._values:
            self._made.append(value)
            yield value


def _name(source: Source) -> str:
    return source.truth.file_name if isinstance(source, Photo) else source.shard


def _collate_wholes(samples: list[WholeSample]) -> Batch:
    return {
        "whole_image": _stack([sample.image for sample in samples]),
        "whole_labels": _stack([sample.labels for sample in samples]),
        "whole_boxes": _stack([sample.boxes for sample in samples]),
        "whole_kinds": _stack([sample.kinds for sample in samples]),
        "whole_points": _pad([sample.points for sample in samples]),
        "whole_keypoints": _stack([sample.keypoints for sample in samples]),
    }


def _collate_crops(samples: list[CropSample]) -> Batch:
    large = [sample.large for sample in samples if sample.large is not None]
    return {
        **({"crop_large": _stack(large)} if large else {}),
        "crop_image": _stack([sample.image for sample in samples]),
        "crop_maps": _stack([sample.maps for sample in samples]),
        "crop_presence": torch.tensor([sample.presence for sample in samples], dtype=torch.float32),
        "crop_box": _stack([sample.box for sample in samples]),
        "crop_keypoints": _stack([sample.keypoints for sample in samples]),
        "crop_photo": torch.tensor([sample.photo for sample in samples]),
    }


def _pad(arrays: list[NDArray[np.float32]]) -> Tensor:
    """(B, K, 6) of arrays (k, 6), filled up with zeros."""
    padded = np.zeros((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), np.float32)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(padded)


def _stack(arrays: list[NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
