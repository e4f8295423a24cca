"""Writing results: all of a file or none of it."""

import errno
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.cli.inputs import OVERLAY
from densepose_mobile.draw import draw
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.results import DensePoseResult

__all__ = [
    "ENCODED_SUFFIXES",
    "encode_picture",
    "partial_file",
    "people",
    "prepare_folder",
    "write_atomically",
    "write_result",
    "write_together",
]

_OPTIONS: Final = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 92],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 92],
    ".png": [cv2.IMWRITE_PNG_COMPRESSION, 4],
}

ENCODED_SUFFIXES: Final = tuple(_OPTIONS)
"""Of pictures that can be written."""


def prepare_folder(folder: Path) -> Path:
    """Make the folder and try to write in it, before any work is done for it. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial_file(folder / "probe") as probe:
            probe.write_bytes(b"")
            probe.unlink()
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder} ({error.strerror or error}): choose another folder with --out"
        ) from None
    return folder


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """A hidden name beside `path` with the same suffix, to write to; it takes the path's place when all went well.

    Whatever goes wrong, nothing half-written stays behind.
    """
    # Of fixed length, or a name that is just short enough for its folder could not be written.
    mark = f"{zlib.crc32(os.fsencode(path.name)):08x}"
    partial = path.with_name(f".{mark}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        if partial.exists():
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> Path:
    """Write a file. Raises OutputError where the folder or the disk does not take it."""
    write_together({path: data})
    return path


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files that belong to each other: none gets its name before there was room for all.

    Raises OutputError, and InputError for a name that is too long.
    """
    path = None
    try:
        for path in files:
            with suppress(FileNotFoundError):
                os.lstat(path)  # a name that is too long, before others have taken their places
        with ExitStack() as stack:
            for path, data in files.items():
                stack.enter_context(partial_file(path)).write_bytes(data)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{path} is too long a name for a file: rename the input") from None
        raise OutputError(f"cannot write {path} ({error.strerror or error}): free some room or choose --out") from None


def write_result(
    folder: Path,
    stem: str,
    source: str,
    rgb: NDArray[np.uint8],
    result: DensePoseResult,
    styles: tuple[str, ...],
    *,
    legend: bool = False,
) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Write STEM.iuv.png, STEM.overlay.jpg (none without styles) and STEM.json: all of them or none.

    source: what the JSON calls the picture's origin. rgb: (H, W, 3), upright. Returns the record that the JSON holds,
    and the files, the most telling last. Raises OutputError.
    """
    record_file, iuv, overlay = (folder / f"{stem}{ending}" for ending in (".json", ".iuv.png", f"{OVERLAY}.jpg"))
    files = {iuv: encode_picture(iuv, result.iuv())}
    if styles:
        files[overlay] = encode_picture(overlay, draw(rgb, result, styles, legend=legend))
    record = {"source": source, **result.as_dict()}
    named = (record_file, *files)
    files[record_file] = (json.dumps(record, indent=2) + "\n").encode()
    write_together(files)
    return record, named


def encode_picture(path: Path, rgb: NDArray[np.uint8]) -> bytes:
    """JPEG or PNG, after the path's suffix. rgb: (H, W, 3) uint8.

    Raises InputError for another suffix, and beyond what the format holds.
    """
    suffix = path.suffix.lower()
    if suffix not in _OPTIONS:
        raise InputError(f"{path} ends in none of {', '.join(ENCODED_SUFFIXES)}: name a picture of such a kind")
    try:
        done, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), _OPTIONS[suffix])
    except cv2.error:
        done = False
    if not done:
        raise InputError(f"{path} cannot hold {rgb.shape[1]} x {rgb.shape[0]} px: give a smaller picture")
    return data.tobytes()


def people(count: int) -> str:
    """ "1 person", "2 people"."""
    return "1 person" if count == 1 else f"{count} people"
