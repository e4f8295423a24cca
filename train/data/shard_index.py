"""What a shard holds, without decoding it: where each picture lies in the file, and how large its people are.

Shards are uncompressed tars. Once it is known where its members lie, any picture is three short reads away.
"""

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.croppable import croppable, least_pixels, longer_sides
from densepose_mobile.train.data.records import Picture, decode, picture_size

__all__ = ["StoredPicture", "index_shard"]

_MEMBERS: Final = ("jpg", "truth", "json")
_HEAD: Final = 64  # bytes of the truth member, more than its header


@dataclass(frozen=True)
class StoredPicture:
    """A picture in a shard.

    shard: path of the file within the folder of all shards. spans: first byte and number of bytes of the members jpg,
    truth and json. people: rows of those who can be cropped. sizes: px, longer side of their visible box.
    """

    shard: str
    spans: tuple[tuple[int, int], ...]
    people: tuple[int, ...]
    sizes: tuple[float, ...]

    def read(self, file: int) -> Picture:
        """Decode it from its opened shard, a file descriptor. InputError when the shard is cut off or damaged."""
        sample: dict[str, Any] = {}
        for name, (first, size) in zip(_MEMBERS, self.spans, strict=True):
            sample[name] = os.pread(file, size, first)
            if len(sample[name]) != size:
                raise InputError(f"shard {self.shard} is shorter than it was; render it again")
        return decode({"__key__": f"{self.shard}, byte {self.spans[0][0]}", **sample})


def index_shard(folder: Path, name: str) -> list[StoredPicture]:
    """The pictures of the shard `folder / name` in stored order; pictures that lack a member are left out.

    Raises InputError when it is no tar, is cut off, or holds no picture.
    """
    path = folder / name
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            members: dict[str, dict[str, tuple[int, int]]] = {}
            for member in tar:
                key, _, extension = member.name.rpartition(".")
                members.setdefault(key, {})[extension] = (member.offset_data, member.size)
            spans = [
                tuple(found[extension] for extension in _MEMBERS)
                for found in members.values()
                if all(extension in found for extension in _MEMBERS)
            ]
            pictures = _stored(name, spans, file.fileno())
    except (tarfile.TarError, OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} is no shard ({error}); delete it and render again") from error
    if not pictures:
        raise InputError(f"{path} holds no pictures; delete it and render again")
    return pictures


def _stored(shard: str, spans: list[tuple[tuple[int, int], ...]], file: int) -> list[StoredPicture]:
    sides, people = [], []
    for _, truth, record in spans:
        sides.append(max(picture_size(os.pread(file, _HEAD, truth[0]))))
        people.append(json.loads(os.pread(file, record[1], record[0]))["people"])
    rows = [(picture, row, person) for picture, found in enumerate(people) for row, person in enumerate(found)]
    boxes = np.array([person["box"] for _, _, person in rows], np.float32).reshape(-1, 4)
    full = np.array([person["full_box"] for _, _, person in rows], np.float64).reshape(-1, 4)
    counts = np.array([person["visible_pixels"] for _, _, person in rows], np.int64)
    side = np.array([sides[picture] for picture, _, _ in rows], np.float64)
    sizes = longer_sides(boxes)
    large: list[list[tuple[int, float]]] = [[] for _ in spans]
    for place in croppable(boxes, counts, least_pixels(full, side)):
        picture, row, _ = rows[place]
        large[picture].append((row, float(sizes[place])))
    return [
        StoredPicture(shard, span, tuple(row for row, _ in found), tuple(size for _, size in found))
        for span, found in zip(spans, large, strict=True)
    ]
