"""Rendered shards as DensePose-COCO: pictures, and one JSON file that COCO and DensePose tools read."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
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
from densepose_mobile.metrics.truth import DENSE_GRID
from densepose_mobile.parts import COARSE_NAMES, FINE_TO_COARSE
from densepose_mobile.train.data.records import PersonTruth, Picture, decode, iter_samples
from densepose_mobile.train.data.targets import Labeller

__all__ = ["ANNOTATIONS", "export_coco", "person_annotation"]

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
) -> Path:
    """Write OUT/images/KEY.jpg and OUT/annotations.json for the pictures of shards.

    The JSON holds bbox, area, segmentation (compressed run-length code), keypoints, and DensePose's dp_masks, dp_I,
    dp_U, dp_V, dp_x, dp_y for every visible person. Pictures are the shards' own JPEG bytes. The points follow from
    `seed` and the pictures' order alone. People of fewer than 16 visible pixels become crowd regions, to be ignored.

    labeller: part and UV of rendered pixels. limit: only the first pictures. info: further keys of the file's
    `info`. advance: called after each picture.

    Returns the path of the JSON. Raises InputError for shards that hold no picture, OutputError where `out` cannot be
    written.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    try:
        (out / _IMAGES).mkdir(parents=True, exist_ok=True)
        for number, sample in enumerate(islice(iter_samples(shards), limit), 1):
            picture = decode(sample)
            name = f"{picture.key}.jpg"
            write_atomically(out / _IMAGES / name, bytes(sample["jpg"]))
            height, width = picture.instance.shape
            images.append({"id": number, "file_name": name, "height": height, "width": width})
            for person in picture.people:
                entry = person_annotation(
                    picture, person, labeller, np.random.default_rng((seed, number, person.index))
                )
                if entry is not None:
                    annotations.append({"id": len(annotations) + 1, "image_id": number, **entry})
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
        write_atomically(out / ANNOTATIONS, json.dumps(content, separators=(",", ":")).encode())
    except OSError as error:
        raise OutputError(f"cannot write to {out} ({error.strerror or error}); choose another --out") from error
    _log.info("%d people in %d pictures", len(annotations), len(images))
    return out / ANNOTATIONS


def person_annotation(
    picture: Picture, person: PersonTruth, labeller: Labeller, rng: np.random.Generator
) -> dict[str, Any] | None:
    """COCO entry of one person without ids; None when not a pixel is visible."""
    mask = picture.instance == person.index
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    area = int(mask.sum())
    entry: dict[str, Any] = {
        "category_id": 1,
        "bbox": [left, top, right - left, bottom - top],
        "area": area,
        "iscrowd": int(area < _SMALLEST),
        "segmentation": encode_rle(mask),
        **_keypoints(person.keypoints),
    }
    if area < _SMALLEST:
        return entry
    part, uv = np.zeros(mask.shape, np.uint8), np.zeros((2, *mask.shape), np.float32)
    part[mask], uv[:, mask] = labeller.iuv(picture.face[mask], picture.weights()[mask])
    window = slice(top, bottom), slice(left, right)
    part, uv = part[window], uv[(slice(None), *window)]
    y, x = _choose_points(part, rng)
    return entry | {
        "dp_masks": _coarse_masks(part),
        "dp_I": part[y, x].tolist(),
        "dp_U": _places(uv[0, y, x], 4),
        "dp_V": _places(uv[1, y, x], 4),
        "dp_x": _places((x + 0.5) * DENSE_GRID / part.shape[1], 3),
        "dp_y": _places((y + 0.5) * DENSE_GRID / part.shape[0], 3),
    }


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
