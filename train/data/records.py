"""One rendered picture with its truth, and its compact form: a JPEG, deflated face ids and barycentrics, JSON."""

import json
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.errors import InputError

__all__ = [
    "BARYCENTRIC_STEPS",
    "PersonTruth",
    "Picture",
    "decode",
    "encode",
    "iter_pictures",
    "iter_samples",
    "picture_size",
    "shard_files",
]

BARYCENTRIC_STEPS: Final = 15
"""Barycentric weights are stored as round(15 w)."""

_JPEG_QUALITY: Final = 92
_HEADER: Final = struct.Struct("<4sHHII")
_MAGIC: Final = b"DPT1"


@dataclass(frozen=True, eq=False)
class PersonTruth:
    """One person of a picture.

    index: the person's value in `Picture.instance`, from 1. box: (4,) float32 xyxy px, tight to the visible pixels;
    zeros when none is visible. full_box: (4,) of the whole projected person, beyond the frame and behind others.
    keypoints: (17, 3) float32 x px, y px, visibility 0 outside or behind the camera, 1 hidden, 2 seen (COCO order).
    """

    index: int
    kind: str
    identity: str
    box: NDArray[np.float32]
    full_box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    visible_pixels: int


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and its exact truth at the pixel centres.

    image: (H, W, 3) uint8 RGB. face: (H, W) int32 number in the surface set, -1 background. barycentric: (H, W, 2)
    uint8 0..15, weights of the face's first two corners. instance: (H, W) uint8, 0 none. people: every person drawn.
    """

    key: str
    image: NDArray[np.uint8]
    face: NDArray[np.int32]
    barycentric: NDArray[np.uint8]
    instance: NDArray[np.uint8]
    people: tuple[PersonTruth, ...]
    meta: dict[str, Any] = field(default_factory=dict)

    def weights(self) -> NDArray[np.float32]:
        """(H, W, 2) float32: barycentric weights of the first two corners, 0..1."""
        return self.barycentric.astype(np.float32) / np.float32(BARYCENTRIC_STEPS)


@njit(cache=True, nogil=True)
def _gather(face, barycentric, instance, ids, weights):  # type: ignore[no-untyped-def]
    """Person pixels in row order; ids as differences from the pixel before."""
    n, before = 0, 0
    for y in range(face.shape[0]):
        for x in range(face.shape[1]):
            if instance[y, x]:
                ids[n] = face[y, x] - before
                before = face[y, x]
                weights[n] = (barycentric[y, x, 0] << 4) | barycentric[y, x, 1]
                n += 1
    return n


@njit(cache=True, nogil=True)
def _scatter(instance, ids, weights, face, barycentric):  # type: ignore[no-untyped-def]
    n, value = 0, 0
    for y in range(face.shape[0]):
        for x in range(face.shape[1]):
            if instance[y, x]:
                value += ids[n]
                face[y, x] = value
                barycentric[y, x, 0] = weights[n] >> 4
                barycentric[y, x, 1] = weights[n] & 15
                n += 1
            else:
                face[y, x] = -1
                barycentric[y, x, 0] = 0
                barycentric[y, x, 1] = 0


def _planes(ids: NDArray[np.int32]) -> bytes:
    """Zigzag, then low bytes, middle bytes, high bytes: similar bytes together deflate better."""
    zigzag = ((ids << 1) ^ (ids >> 31)).astype(np.uint32)
    return b"".join(((zigzag >> shift) & 255).astype(np.uint8).tobytes() for shift in (0, 8, 16))


def _from_planes(data: bytes, count: int) -> NDArray[np.int32]:
    planes = np.frombuffer(data, np.uint8).reshape(3, count).astype(np.int32)
    zigzag = planes[0] | (planes[1] << 8) | (planes[2] << 16)
    return (zigzag >> 1) ^ -(zigzag & 1)


def _truth_bytes(picture: Picture) -> bytes:
    height, width = picture.instance.shape
    ids, weights = np.empty(height * width, np.int32), np.empty(height * width, np.uint8)
    count = int(_gather(picture.face, picture.barycentric, picture.instance, ids, weights))
    shape = zlib.compress(np.ascontiguousarray(picture.instance).tobytes(), 6)
    faces = zlib.compress(_planes(ids[:count]), 4)
    return _HEADER.pack(_MAGIC, height, width, count, len(shape)) + shape + weights[:count].tobytes() + faces


def _person_json(person: PersonTruth) -> dict[str, Any]:
    return {
        "index": person.index,
        "kind": person.kind,
        "identity": person.identity,
        "box": [round(float(v), 2) for v in person.box],
        "full_box": [round(float(v), 2) for v in person.full_box],
        "keypoints": [round(float(v), 2) for v in person.keypoints.reshape(-1)],
        "visible_pixels": int(person.visible_pixels),
    }


def _person(entry: Mapping[str, Any]) -> PersonTruth:
    return PersonTruth(
        int(entry["index"]),
        str(entry["kind"]),
        str(entry["identity"]),
        np.asarray(entry["box"], np.float32),
        np.asarray(entry["full_box"], np.float32),
        np.asarray(entry["keypoints"], np.float32).reshape(-1, 3),
        int(entry["visible_pixels"]),
    )


def encode(picture: Picture) -> dict[str, bytes]:
    """Members of a WebDataset sample: "jpg", "truth", "json". The image loses what a JPEG of quality 92 loses."""
    done, jpeg = cv2.imencode(".jpg", picture.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise InputError(f"picture {picture.key} of shape {picture.image.shape} cannot be coded; give (H, W, 3) uint8")
    record = {"people": [_person_json(person) for person in picture.people], "meta": picture.meta}
    return {
        "jpg": jpeg.tobytes(),
        "truth": _truth_bytes(picture),
        "json": json.dumps(record, separators=(",", ":")).encode(),
    }


def picture_size(truth: bytes) -> tuple[int, int]:
    """Height and width px of a picture, of its "truth" member or the beginning of it. ValueError when it is none."""
    if truth[:4] != _MAGIC or len(truth) < _HEADER.size:
        raise ValueError(f"magic {truth[:4]!r}")
    _, height, width, _, _ = _HEADER.unpack_from(truth)
    return int(height), int(width)


def decode(sample: Mapping[str, Any]) -> Picture:
    """Inverse of `encode`; `sample` may carry "__key__". InputError when a member is missing or damaged."""
    key = str(sample.get("__key__", ""))
    try:
        image = cv2.imdecode(np.frombuffer(sample["jpg"], np.uint8), cv2.IMREAD_COLOR)
        truth, record = bytes(sample["truth"]), json.loads(sample["json"])
        magic, height, width, count, shape_bytes = _HEADER.unpack_from(truth)
        if magic != _MAGIC or image is None:
            raise ValueError(f"magic {magic!r}")
        start = _HEADER.size + shape_bytes
        instance = np.frombuffer(zlib.decompress(truth[_HEADER.size : start]), np.uint8).reshape(height, width)
        weights = np.frombuffer(truth, np.uint8, count, start)
        ids = _from_planes(zlib.decompress(truth[start + count :]), count)
        face, barycentric = np.empty((height, width), np.int32), np.empty((height, width, 2), np.uint8)
        _scatter(instance, ids, weights, face, barycentric)
        people = tuple(_person(entry) for entry in record["people"])
    except (KeyError, ValueError, struct.error, zlib.error) as error:
        raise InputError(f"sample {key!r} is no rendered picture ({error}); render its shard again") from error
    rgb = np.ascontiguousarray(image[..., ::-1], np.uint8)
    return Picture(key, rgb, face, barycentric, instance, people, record["meta"])


def shard_files(shards: str | Path | Iterable[str | Path]) -> list[Path]:
    """Tar files of a folder (in name order), of one file, or of several of either; InputError when there are none."""
    given = [shards] if isinstance(shards, (str, Path)) else list(shards)
    files: list[Path] = []
    for entry in map(Path, given):
        files += sorted(entry.glob("*.tar")) if entry.is_dir() else [entry]
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        raise InputError(
            f"no shards at {', '.join(missing or map(str, given))}; make them with `data render --out DIR`"
        )
    return files


def iter_samples(shards: str | Path | Iterable[str | Path]) -> Iterator[dict[str, Any]]:
    """Undecoded samples {"__key__": ..., "jpg": ..., "truth": ..., "json": ...} in stored order."""
    for file in shard_files(shards):
        try:
            with tarfile.open(file) as tar:
                sample: dict[str, Any] = {}
                for member in tar:
                    key, _, extension = member.name.rpartition(".")
                    if sample and sample["__key__"] != key:
                        yield sample
                        sample = {}
                    content = tar.extractfile(member)
                    if content is not None:
                        sample["__key__"] = key
                        sample[extension] = content.read()
                if sample:
                    yield sample
        except tarfile.TarError as error:
            raise InputError(f"{file} is no shard ({error}); delete it and render again") from error


def iter_pictures(shards: str | Path | Iterable[str | Path]) -> Iterator[Picture]:
    """Decoded pictures of shards, in stored order."""
    return map(decode, iter_samples(shards))
