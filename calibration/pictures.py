"""Where calibration pictures come from: folders of pictures, picture files and WebDataset shards, as one iterator."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.provenance import refuse_eval_only

__all__ = ["PictureSources", "SourcePicture"]

_PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_SHARD: Final = ".tar"


@dataclass(frozen=True, eq=False)
class SourcePicture:
    """A candidate and where it is from.

    rgb: (H, W, 3) uint8. source: name of the given folder or file. name: the file, or shard:member.
    """

    rgb: NDArray[np.uint8]
    source: str
    name: str


@dataclass(frozen=True)
class PictureSources:
    """Every picture of some sources; may be iterated again, and gives the same pictures in the same order.

    sources: picture files, `.tar` shards, or folders (searched for both at every depth), each in name order.
    longest: px, larger pictures are shrunk to it. limit: at most so many pictures of each source, its first ones.
    """

    sources: tuple[Path, ...]
    longest: int = 640
    limit: int | None = None

    def __iter__(self) -> Iterator[SourcePicture]:
        """The pictures.

        Raises:
            InputError: a source is missing, holds no picture, or is marked eval-only.
        """
        for source in self.sources:
            if not source.exists():
                raise InputError(f"{source} does not exist: give a folder of pictures, a picture or a .tar shard")
            refuse_eval_only(source)
            files = _files(source)
            if not files:
                raise InputError(f"{source} holds no pictures ({', '.join(_PICTURES)}) and no .tar shards")
            for file in files:
                refuse_eval_only(file)
            pictures = (picture for file in files for picture in self._open(file, source.resolve().name))
            yield from islice(pictures, self.limit)

    def _open(self, file: Path, source: str) -> Iterator[SourcePicture]:
        if file.suffix.lower() == _SHARD:
            yield from _shard(file, source, self.longest)
        else:
            yield SourcePicture(_shrink(load_image(file), self.longest), source, file.name)


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix.lower() in (*_PICTURES, _SHARD) else []
    return sorted(file for file in source.rglob("*") if file.suffix.lower() in (*_PICTURES, _SHARD))


def _shard(shard: Path, source: str, longest: int) -> Iterator[SourcePicture]:
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                if Path(member.name).suffix.lower() not in _PICTURES:
                    continue
                stream = tar.extractfile(member)
                data = stream.read() if stream else b""
                picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
                if picture is None:
                    raise InputError(f"{shard}: member {member.name} is no picture; render the shard again")
                rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
                yield SourcePicture(_shrink(rgb, longest), source, f"{shard.name}:{member.name}")
    except tarfile.TarError as error:
        raise InputError(f"{shard} is not a readable shard ({error}); render it again") from error


def _shrink(rgb: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
