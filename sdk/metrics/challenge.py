"""Predictions in the result format of the public DensePose challenge: a JSON list with one entry a person.

Each entry has image_id, category_id, score, bbox (x, y, width, height px), uv_shape [3, height, width] and uv_data: the
part, 255 U and 255 V of the box's pixels as a PNG of three channels in base64. A person who is followed through a video
has a track_id besides.
"""

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.truth import TruthPicture
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["challenge_entries", "read_challenge"]


def challenge_entries(image_id: int, result: DensePoseResult) -> list[dict[str, Any]]:
    """The entries of one picture's people. U and V are rounded to a 255th, the confidence is lost."""
    entries = []
    for person in result:
        left, top, right, bottom = (int(c) for c in person.box)
        iuv = person.iuv()
        done, png = cv2.imencode(".png", np.ascontiguousarray(iuv[..., ::-1]))
        if not done:
            raise InputError(f"a person of {right - left} x {bottom - top} px cannot be written as PNG")
        entries.append(
            {
                "image_id": image_id,
                "category_id": 1,
                "score": round(float(person.score), 6),
                "bbox": [left, top, right - left, bottom - top],
                "uv_shape": [3, bottom - top, right - left],
                "uv_data": base64.b64encode(png.tobytes()).decode(),
                **({} if person.track is None else {"track_id": person.track}),
            }
        )
    return entries


def read_challenge(path: str | Path, pictures: Iterable[TruthPicture]) -> dict[int, DensePoseResult]:
    """Results by picture id, best person first; pictures without an entry have nobody.

    A box is brought to whole pixels and cut off at the picture. There is no confidence in the format: it is 1.

    Raises InputError that names the file and the entry.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read results {path} ({error}); give a JSON list of detections") from error
    if not isinstance(content, list):
        raise InputError(f"{path} is no list of detections")
    sizes = {picture.id: (picture.height, picture.width) for picture in pictures}
    people: Mapping[int, list[Person]] = defaultdict(list)
    for index, entry in enumerate(content):
        try:
            size = sizes.get(entry["image_id"])
            if size is not None and (person := _person(entry, *size)) is not None:
                people[entry["image_id"]].append(person)
        except (InputError, KeyError, TypeError, ValueError, binascii.Error) as error:
            raise InputError(f"{path}, detection {index}: {error if str(error) else repr(error)}") from error
    return {
        id: DensePoseResult(tuple(sorted(people[id], key=lambda person: -person.score)), *size)
        for id, size in sizes.items()
    }


def _person(entry: Mapping[str, Any], height: int, width: int) -> Person | None:
    """The person, or None when none of the pixels lies in the picture."""
    iuv = _picture(entry["uv_data"], entry["uv_shape"])
    if iuv[..., 0].max(initial=0) > NUM_PARTS:
        raise InputError(f"part {iuv[..., 0].max()} in uv_data; parts are 0..{NUM_PARTS}")
    left, top = (round(float(value)) for value in entry["bbox"][:2])
    rows = slice(max(-top, 0), max(min(iuv.shape[0], height - top), 0))
    columns = slice(max(-left, 0), max(min(iuv.shape[1], width - left), 0))
    part = iuv[rows, columns, 0]
    if not part.any():
        return None
    left, top = max(left, 0), max(top, 0)
    box = np.array([left, top, left + part.shape[1], top + part.shape[0]], np.float32)
    uv = (iuv[rows, columns, 1:] * (part > 0)[..., None]).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    track = entry.get("track_id")
    sure = (part > 0).astype(np.float32)
    return Person(box, float(entry["score"]), part.copy(), uv, sure, None if track is None else int(track))


def _picture(data: str, shape: Sequence[int]) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 part, U, V."""
    raw = np.frombuffer(base64.b64decode(data, validate=True), np.uint8)
    bgr = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    if bgr is None:
        raise InputError("uv_data is no PNG")
    if [3, *bgr.shape[:2]] != list(shape):
        raise InputError(f"uv_data is {bgr.shape[1]} x {bgr.shape[0]} px, uv_shape says {list(shape)}")
    return np.asarray(bgr[..., ::-1], np.uint8)
