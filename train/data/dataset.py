"""The training stream: batches of whole pictures and crops from folders of shards that may still be growing.

Rendering runs beside training. Shards that were read least come first, new ones are picked up as soon as they appear,
and what was read is handed on with each batch, so that a run that resumes goes on with the unread shards.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.records import Picture, decode, iter_samples
from densepose_mobile.train.data.samples import (
    Augmentation,
    CropSample,
    Scene,
    WholeSample,
    crop_sample,
    whole_sample,
)
from densepose_mobile.train.data.targets import Labeller, label_picture

__all__ = ["Batch", "BatchPlan", "RenderedBatches"]

_log = logging.getLogger(__name__)

_OPEN_SHARDS: Final = 3  # read in turn, so that neighbours in a batch come from different shards
_PATIENCE: Final = 600.0  # s to wait for the first shard

Batch = dict[str, Any]
"""whole_image (P, S, S, 3) uint8, whole_labels (P, S, S, 4) uint8, whole_boxes (P, M, 4), whole_kinds (P, M) uint8,
whole_points (P, K, 6) of which rows of instance 0 are none; crop_image (B, s, s, 3) uint8, crop_maps (B, 3, m, m)
uint8, crop_presence (B,), crop_box (B, 4), crop_keypoints (B, 17, 3), crop_photo (B,) bool, with
`teacher_size` crop_large (B, T, T, 3) uint8: tensors. whole_keypoints (P, M, 17, 3) too.
finished: names of the shards that were read to their end since the last batch. pictures: how many were decoded."""


@dataclass(frozen=True)
class BatchPlan:
    """What one step consists of, and how the stream is drawn."""

    whole: int = 4  # whole pictures
    crops: int = 16
    crops_per_picture: int = 2  # at most
    buffer: int = 48  # samples of each kind that a batch is drawn from
    photos: float = 0.1  # share of pictures that are annotated photos, where there are any; below 1


@dataclass
class RenderedBatches(IterableDataset[Batch]):
    """Endless batches of the shards under a folder. The same seed over the same finished shards gives the same stream.

    Shards lie in the folder or in folders within it, one for each surface set that was ever rendered. Without a folder
    all pictures are annotated photos.
    """

    folder: Path | None
    spec: ModelSpec
    plan: BatchPlan
    augmentation: Augmentation
    labels: Callable[[Path], Labeller]  # of a folder that holds shards; called in the loading process
    seed: int
    reads: Mapping[str, int] = field(default_factory=dict)  # how often each shard, by its path in folder, was read
    photos: AnnotatedPhotos | None = None  # mixed in
    teacher_size: int = 0  # px, side of the crops that a teacher looks at; 0 without one

    def __iter__(self) -> Iterator[Batch]:
        """Run in the loading process."""
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        rng = np.random.default_rng(self.seed)
        finished: list[str] = []
        wholes: list[WholeSample] = []
        crops: list[CropSample] = []
        pictures = None if self.folder is None else iter(_Pictures(self.folder, dict(self.reads), rng, finished))
        labellers: dict[Path, Labeller] = {}
        textures: deque[NDArray[np.uint8]] = deque(maxlen=8)
        decoded = 0
        need_whole, need_crops = self.plan.whole, self.plan.crops
        photos = None if self.photos is None else self.photos.scenes(rng)
        if pictures is None and photos is None:
            raise InputError("there is nothing to train on: neither a folder of shards nor annotated photos")
        while True:
            photo = photos is not None and (pictures is None or rng.random() < self.plan.photos)
            if photo:
                assert photos is not None
                scene = next(photos)
            else:
                assert pictures is not None
                home, picture = next(pictures)
                if home not in labellers:
                    labellers[home] = self.labels(home)
                scene = Scene.from_picture(picture, label_picture(picture, labellers[home]))
            decoded += 1
            textures.append(scene.image)
            scene = scene.disturbed(rng, self.augmentation, textures[0])
            whole_share = need_whole / max(need_whole + need_crops / 1.5, 1e-9)
            if need_whole and rng.random() < whole_share:
                wholes.append(whole_sample(rng, scene, self.spec, self.augmentation))
            elif need_crops:
                crops += self._crops(rng, scene, photo)
            warm = max(self.plan.buffer, need_whole) if need_whole else 0, max(self.plan.buffer, need_crops)
            while len(wholes) >= min(warm[0], 4 * need_whole) and len(crops) >= (warm[1] if need_crops else 0):
                yield _collate(_draw(rng, wholes, need_whole), _draw(rng, crops, need_crops), finished, decoded)
                finished.clear()
                decoded = 0

    def _crops(self, rng: np.random.Generator, scene: Scene, photo: bool) -> list[CropSample]:
        people = scene.drawn_people(rng)[: self.plan.crops_per_picture]
        wanted: list[int | None] = [int(person) for person in people]
        if rng.random() < self.augmentation.negatives * max(len(wanted), 1):
            wanted.append(None)
        made = (crop_sample(rng, scene, person, self.spec, self.augmentation, self.teacher_size) for person in wanted)
        return [replace(sample, photo=photo) for sample in made if sample is not None]


class _Pictures:
    """Pictures of the shards that were read least, a few shards in turn."""

    def __init__(self, folder: Path, reads: dict[str, int], rng: np.random.Generator, finished: list[str]) -> None:
        self.folder, self.reads, self.rng, self.finished = folder, reads, rng, finished
        self.open: dict[str, Iterator[dict[str, Any]]] = {}

    def __iter__(self) -> Iterator[tuple[Path, Picture]]:
        """Pictures, each with the folder of its shard."""
        waited = 0.0
        while True:
            while len(self.open) < _OPEN_SHARDS and self._open_next():
                waited = 0.0
            if not self.open:
                if waited >= _PATIENCE:
                    raise InputError(
                        f"no shard appeared in {self.folder} for {waited:.0f} s; render with `data render`"
                    )
                time.sleep(2.0)
                waited += 2.0
                continue
            for name in list(self.open):
                try:
                    sample = next(self.open[name], None)
                    picture = None if sample is None else decode(sample)
                except (InputError, OSError) as error:
                    _log.warning("shard %s is left out: %s", name, error)
                    picture = None
                if picture is None:
                    del self.open[name]
                    self.reads[name] = self.reads.get(name, 0) + 1
                    self.finished.append(name)
                else:
                    yield (self.folder / name).parent, picture

    def _open_next(self) -> bool:
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.tar"))
        names = sorted(name for name in found if name not in self.open)
        if not names:
            return False
        least = min(self.reads.get(name, 0) for name in names)
        fresh = [name for name in names if self.reads.get(name, 0) == least]
        name = fresh[int(self.rng.integers(len(fresh)))]
        self.open[name] = iter_samples(self.folder / name)
        return True


def _draw(rng: np.random.Generator, samples: list[Any], count: int) -> list[Any]:
    """Remove `count` random samples."""
    chosen = []
    for _ in range(count):
        place = int(rng.integers(len(samples)))
        samples[place], samples[-1] = samples[-1], samples[place]
        chosen.append(samples.pop())
    return chosen


def _collate(wholes: list[WholeSample], crops: list[CropSample], finished: list[str], decoded: int) -> Batch:
    batch: Batch = {"finished": list(finished), "pictures": decoded}
    if wholes:
        batch |= {
            "whole_image": _stack([sample.image for sample in wholes]),
            "whole_labels": _stack([sample.labels for sample in wholes]),
            "whole_boxes": _stack([sample.boxes for sample in wholes]),
            "whole_kinds": _stack([sample.kinds for sample in wholes]),
            "whole_points": _pad([sample.points for sample in wholes]),
            "whole_keypoints": _stack([sample.keypoints for sample in wholes]),
        }
    if crops:
        batch |= {
            "crop_image": _stack([sample.image for sample in crops]),
            "crop_maps": _stack([sample.maps for sample in crops]),
            "crop_presence": torch.tensor([sample.presence for sample in crops], dtype=torch.float32),
            "crop_box": _stack([sample.box for sample in crops]),
            "crop_keypoints": _stack([sample.keypoints for sample in crops]),
            "crop_photo": torch.tensor([sample.photo for sample in crops]),
        }
        large = [sample.large for sample in crops if sample.large is not None]
        batch |= {"crop_large": _stack(large)} if large else {}
    return batch


def _pad(arrays: list[NDArray[np.float32]]) -> Tensor:
    """(B, K, 6) of arrays (k, 6), filled up with zeros."""
    padded = np.zeros((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), np.float32)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(padded)


def _stack(arrays: list[NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
