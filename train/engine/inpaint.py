"""Filling in people: dense part, U and V of annotated people by the inpainting network."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import TruthPicture
from densepose_mobile.train.data.annotated import AnnotatedPhotos, annotated_scene
from densepose_mobile.train.data.dense_labels import (
    INDEX,
    DenseIndex,
    DenseLabels,
    Window,
    file_hash,
    person_file,
    seen_window,
    write_person,
)
from densepose_mobile.train.data.person_crops import cut_person, person_square
from densepose_mobile.train.data.samples import Scene
from densepose_mobile.train.data.targets import box_matrix
from densepose_mobile.train.engine.averaged import network_tensor
from densepose_mobile.train.losses.dense import PARTLY_KNOWN
from densepose_mobile.train.losses.points import sample_points
from densepose_mobile.train.models.inpainting import InpaintingNet, mask_planes

__all__ = ["fill_in", "inpaint_people"]

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 16384  # pixels


@torch.no_grad()
def fill_in(net: InpaintingNet, scene: Scene, row: int = 0) -> NDArray[np.uint8]:
    """Dense labels of a person in an annotated photo's scene, as the network sees the person in it and in the mirror.

    Part masks are obeyed: where one says the coarse part, only its fine parts are chosen from.

    Returns (height, width, 3) part, round(255 U), round(255 V) of the person's box (`scene.boxes`), zeros off the mask.
    """
    square = person_square(scene.boxes[row], net.margin)
    crop = cut_person(scene, row, box_matrix(square, net.crop_size), net.crop_size)
    planes = mask_planes(torch.from_numpy(crop.codes[None]))
    maps = net.both_ways(network_tensor(torch.from_numpy(crop.image[None])), planes)
    x0, y0, x1, y1 = scene.boxes[row].astype(int).tolist()
    labels = scene.labels[y0:y1, x0:x1]
    rows, columns = np.nonzero(labels[..., 3] == row + 1)
    xy = (np.stack([columns + x0, rows + y0], 1) + 0.5 - square[:2]) / (square[2:] - square[:2])
    places = torch.split(torch.from_numpy(xy.astype(np.float32)), _AT_ONCE)
    codes = torch.split(torch.from_numpy(labels[rows, columns, 0]), _AT_ONCE)
    iuv = np.zeros((*labels.shape[:2], 3), np.uint8)
    iuv[rows, columns] = torch.cat([_labels(maps, *some) for some in zip(places, codes, strict=True)]).numpy()
    return iuv


def _labels(maps: dict[str, torch.Tensor], xy: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """(K, 3) uint8 labels of places (K, 2), 0..1 of the crop, of which codes (K,) are known."""
    logits, u, v = sample_points(maps, xy[None])[0].chunk(3, 1)
    allowed = PARTLY_KNOWN[codes.long()]
    allowed |= ~allowed.any(1, keepdim=True)
    chart = logits.masked_fill(~allowed, -torch.inf).argmax(1, keepdim=True)
    uv = torch.cat([u.gather(1, chart), v.gather(1, chart)], 1).clamp(0, 1).mul(255).round()
    return torch.cat([chart + 1, uv], 1).to(torch.uint8)


def inpaint_people(
    net: InpaintingNet,
    model: str,
    photos: AnnotatedPhotos,
    pictures: Sequence[TruthPicture],
    out: Path,
    advance: Callable[[], None] | None = None,
) -> DenseLabels:
    """Write dense labels of everybody in annotated photos; those that are there already are kept.

    net: in evaluation mode. model: sha256 of its file. pictures: all of the photos. advance: called after each person;
    crowds are none. People without labels (no pixel, a photo that is broken or of another size) are in the index's
    `left_out`.

    Raises InputError when `out` holds labels of other annotations or another model, OutputError where it cannot be
    written.
    """
    index = _begin(out, DenseIndex(file_hash(photos.annotations), {"model": model}))
    windows: dict[int, Window] = {}
    left_out: list[str] = []
    for picture in pictures:
        rgb: NDArray[np.uint8] | None = None
        for person in picture.people:
            if person.crowd:
                continue
            try:
                window = seen_window(person.mask)
                if window is None:
                    raise InputError("its mask is empty")
                if not person_file(out, person.id).is_file():
                    rgb = load_image(photos.images / picture.file_name) if rgb is None else rgb
                    alone = replace(picture, people=(person,))
                    write_person(out, person.id, fill_in(net, annotated_scene(alone, rgb)))
                windows[person.id] = window
            except InputError as error:
                left_out.append(f"annotation {person.id} of picture {picture.file_name}: {error}")
                _log.warning("left out: %s", left_out[-1])
            if advance is not None:
                advance()
    done = replace(index, complete=True, people=windows, left_out=left_out)
    done.write(out)
    return DenseLabels(out, done)


def _begin(out: Path, wanted: DenseIndex) -> DenseIndex:
    if not (out / INDEX).is_file():
        wanted.write(out)
        return wanted
    found = DenseIndex.read(out)
    for name, ours, theirs in (
        ("annotations", wanted.annotations, found.annotations),
        ("made_by", dict(wanted.made_by), dict(found.made_by)),
    ):
        if ours != theirs:
            raise InputError(f"{out} holds labels whose `{name}` is {theirs}, not {ours}; choose another --out")
    return wanted
