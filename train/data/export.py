"""Rendered shards as DensePose-COCO: pictures, and one JSON file that COCO and DensePose tools read.

That file knows a person's surface at some points, as annotators do; the truth of every pixel can be written beside it.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.metrics.traits import PersonTraits
from densepose_mobile.metrics.truth import DENSE_GRID
from densepose_mobile.parts import COARSE_NAMES, FINE_TO_COARSE
from densepose_mobile.train.data.dense_labels import INDEX, DenseIndex, Window, file_hash, seen_window, write_person
from densepose_mobile.train.data.records import PersonTruth, Picture, decode, iter_samples
from densepose_mobile.train.data.targets import Labeller

__all__ = ["ANNOTATIONS", "export_coco"]

ANNOTATIONS: Final = "annotations.json"

_log = logging.getLogger(__name__)

_IMAGES: Final = "images"
_POINTS_A_PART: Final = 14  # at most, on each coarse part: up to 196 a person, mostly 100 to 180
_PIXELS_A_POINT: Final = 4  # at least, so that small parts are not all points
_SMALLEST: Final = 16  # visible px of the smallest person that is annotated
_SKELETON: Final = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
    (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip
"""COCO's, counted from 1."""


def export_coco(
    shards: str | Path | Sequence[str | Path],
    out: Path,
    labeller: Labeller,
    seed: int = 0,
    limit: int | None = None,
    info: Mapping[str, Any] | None = None,
    advance: Callable[[], None] | None = None,
    dense: Path | None = None,
    traits: Callable[[Picture], Sequence[PersonTraits]] | None = None,
) -> Path:
    """Write OUT/images/KEY.jpg and OUT/annotations.json for the pictures of shards.

    The JSON holds bbox, area, segmentation (compressed run-length code), keypoints, and DensePose's dp_masks, dp_I,
    dp_U, dp_V, dp_x, dp_y for every visible person, and under `person` who that is and where all of the person lies,
    beyond the frame and behind others. Pictures are the shards' own JPEG bytes. The points follow from
    `seed` and the pictures' order alone. People of fewer than 16 visible pixels become crowd regions, to be ignored.

    labeller: part and UV of rendered pixels. limit: only the first pictures. info: further keys of the file's
    `info`. advance: called after each picture. dense: folder for the true labels of everybody who is annotated
    (`train.data.dense_labels`). traits: what else to write of each person of a picture (`train.data.traits`).

    Returns the path of the JSON. Raises InputError for shards that hold no picture, OutputError where `out` or `dense`
    cannot be written.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    windows: dict[int, Window] = {}
    try:
        (out / _IMAGES).mkdir(parents=True, exist_ok=True)
        if dense is not None:
            (dense / INDEX).unlink(missing_ok=True)  # what lies there is overwritten from now on
        for number, sample in enumerate(islice(iter_samples(shards), limit), 1):
            picture = decode(sample)
            name = f"{picture.key}.jpg"
            write_atomically(out / _IMAGES / name, bytes(sample["jpg"]))
            height, width = picture.instance.shape
            images.append({"id": number, "file_name": name, "height": height, "width": width})
            told = traits(picture) if traits is not None else [PersonTraits()] * len(picture.people)
            for person, known in zip(picture.people, told, strict=True):
                surface = _surface(picture, person, labeller)
                if surface is None:
                    continue
                entry = _annotation(person, surface, np.random.default_rng((seed, number, person.index)))
                entry["person"] = _named(person, known).as_dict()
                annotations.append({"id": len(annotations) + 1, "image_id": number, **entry})
                if dense is not None and not entry["iscrowd"]:
                    windows[len(annotations)] = surface.window
                    write_person(dense, len(annotations), surface.iuv)
            if advance is not None:
                advance()
        if not images:
            raise InputError(f"no picture in {shards}; render some with `densepose-mobile data render`")
        content = {
            "info": {"description": "rendered people, DensePose-COCO layout", **(info or {})},
            "images": images,
            "annotations": annotations,
            "categories": [_category()],
        }
        path = write_atomically(out / ANNOTATIONS, json.dumps(content, separators=(",", ":")).encode())
        if dense is not None:
            DenseIndex(file_hash(path), {"truth": "rendered"}, True, windows).write(dense)
    except OSError as error:
        raise OutputError(f"cannot write to {out} ({error.strerror or error}); choose another --out") from error
    _log.info("%d people in %d pictures", len(annotations), len(images))
    return path


@dataclass(frozen=True, eq=False)
class _Surface:
    """What is seen of a person."""

    mask: NDArray[np.bool_]  # (H, W), picture
    window: Window
    part: NDArray[np.uint8]  # (height, width) of the window
    uv: NDArray[np.float32]  # (2, height, width)

    @property
    def iuv(self) -> NDArray[np.uint8]:
        """(height, width, 3) part, round(255 U), round(255 V)."""
        return np.stack([self.part, *np.rint(self.uv * 255).astype(np.uint8)], -1)


def _surface(picture: Picture, person: PersonTruth, labeller: Labeller) -> _Surface | None:
    """None when not a pixel is visible."""
    mask = picture.instance == person.index
    window = seen_window(mask)
    if window is None:
        return None
    x, y, width, height = window
    cut = slice(y, y + height), slice(x, x + width)
    own = mask[cut]
    part, uv = np.zeros(own.shape, np.uint8), np.zeros((2, *own.shape), np.float32)
    part[own], uv[:, own] = labeller.iuv(picture.face[cut][own], picture.weights()[cut][own])
    return _Surface(mask, window, part, uv)


def _annotation(person: PersonTruth, surface: _Surface, rng: np.random.Generator) -> dict[str, Any]:
    """COCO entry of one person without ids."""
    area = int(surface.mask.sum())
    entry: dict[str, Any] = {
        "category_id": 1,
        "bbox": list(surface.window),
        "area": area,
        "iscrowd": int(area < _SMALLEST),
        "segmentation": encode_rle(surface.mask),
        **_keypoints(person.keypoints),
    }
    if area < _SMALLEST:
        return entry
    part, uv = surface.part, surface.uv
    y, x = _choose_points(part, rng)
    return entry | {
        "dp_masks": _coarse_masks(part),
        "dp_I": part[y, x].tolist(),
        "dp_U": _places(uv[0, y, x], 4),
        "dp_V": _places(uv[1, y, x], 4),
        "dp_x": _places((x + 0.5) * DENSE_GRID / part.shape[1], 3),
        "dp_y": _places((y + 0.5) * DENSE_GRID / part.shape[0], 3),
    }


def _named(person: PersonTruth, traits: PersonTraits) -> PersonTraits:
    x0, y0, x1, y1 = (float(value) for value in person.full_box)
    return replace(traits, kind=person.kind, identity=person.identity, full_box=(x0, y0, x1, y1))


def _choose_points(part: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of random pixels, as many on each coarse part, as annotators were asked for."""
    coarse = FINE_TO_COARSE[part]
    rows: list[NDArray[np.intp]] = [np.zeros(0, np.intp)]
    columns: list[NDArray[np.intp]] = [np.zeros(0, np.intp)]
    for label in range(1, len(COARSE_NAMES)):
        y, x = np.nonzero(coarse == label)
        count = min(_POINTS_A_PART, -(-len(y) // _PIXELS_A_POINT))
        chosen = rng.choice(len(y), count, replace=False) if count else np.zeros(0, np.intp)
        rows.append(y[chosen])
        columns.append(x[chosen])
    return np.concatenate(rows), np.concatenate(columns)


def _coarse_masks(part: NDArray[np.uint8]) -> list[Any]:
    """Run-length codes of the coarse parts in the box scaled to 256 x 256, [] for those not seen."""
    coarse = FINE_TO_COARSE[part]
    grid = cv2.resize(coarse, (DENSE_GRID, DENSE_GRID), interpolation=cv2.INTER_NEAREST_EXACT)
    return [encode_rle(grid == label) if (grid == label).any() else [] for label in range(1, len(COARSE_NAMES))]


def _keypoints(keypoints: NDArray[np.float32]) -> dict[str, Any]:
    """COCO counts keypoints in pixel indices: the centre of the first pixel is 0. Points outside are zeros."""
    values: list[float] = []
    for x, y, visibility in keypoints:
        values += [round(float(x) - 0.5, 2), round(float(y) - 0.5, 2), int(visibility)] if visibility else [0, 0, 0]
    return {"keypoints": values, "num_keypoints": int((keypoints[:, 2] > 0).sum())}


def _places(values: NDArray[np.floating], places: int) -> list[float]:
    return [round(float(value), places) for value in values]


def _category() -> dict[str, Any]:
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(KEYPOINT_NAMES),
        "skeleton": [list(bone) for bone in _SKELETON],
    }
