"""Keeping a moment: the picture and all that was found in it, as files."""

from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.cli.outputs import encode_picture, prepare_folder, write_atomically, write_result
from densepose_mobile.results import DensePoseResult

__all__ = ["write_snapshot"]


def write_snapshot(
    folder: Path,
    source: str,
    rgb: NDArray[np.uint8],
    result: DensePoseResult,
    styles: tuple[str, ...],
    *,
    now: datetime | None = None,
) -> tuple[Path, ...]:
    """Write STEM.jpg, the picture as the source gave it (never mirrored), and beside it what `predict` writes.

    STEM is "snapshot" with the date and time, and a number where that is taken. Returns the files, the picture first.
    Raises OutputError.
    """
    prepare_folder(folder)
    stem = _free(folder, f"snapshot-{(now or datetime.now()).strftime('%Y%m%d-%H%M%S')}")
    picture = folder / f"{stem}.jpg"
    write_atomically(picture, encode_picture(picture, rgb))
    _, files = write_result(folder, stem, source, rgb, result, styles)
    return (picture, *files)


def _free(folder: Path, stem: str) -> str:
    name, number = stem, 2
    while (folder / f"{name}.jpg").exists():
        name, number = f"{stem}-{number}", number + 1
    return name
