"""Pictures of a folder one after the other, or a single picture."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.cli.inputs import expand
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image

__all__ = ["Pictures"]

_LARGEST: Final = 1600  # px, longer side; a screen shows no more


class Pictures:
    """Each picture for a while, in the order of names, over and over.

    path: a folder, or one picture. dwell_ms: how long each is shown. EXIF orientation is applied. A file that cannot be
    read is passed over, and so are our own outputs. Raises InputError where nothing can be read.
    """

    interval_ms = 200.0

    def __init__(self, path: Path, dwell_ms: float = 3000.0) -> None:
        self.title = path.name or str(path)
        self._path, self._dwell_ms = path, dwell_ms
        self._files = [path] if path.is_file() else _files(path)
        self.scene = -1  # turn of the picture on show
        self._picture: NDArray[np.uint8] | None = None

    def picture(self, t_ms: float) -> NDArray[np.uint8] | None:
        """The picture whose turn it is; see `Source`."""
        turn = int(t_ms / self._dwell_ms)
        if self._picture is None or turn != self.scene:
            self._picture = self._readable(turn)
            self.scene = turn
        return self._picture

    def close(self) -> None:
        """Nothing is held open."""

    def _readable(self, turn: int) -> NDArray[np.uint8]:
        error: InputError | None = None
        while self._files:
            file = self._files[turn % len(self._files)]
            try:
                return _fitted(load_image(file))
            except InputError as problem:
                error = problem
                self._files.remove(file)
        raise error or InputError(f"{self._path} holds no picture: choose another folder")


def _files(folder: Path) -> list[Path]:
    jobs = expand([folder])
    files = [job.path for job in jobs if job.error is None and not job.is_video]
    if files:
        return files
    raise next((job.error for job in jobs if job.error), None) or InputError(
        f"{folder} holds videos but no picture: choose one of the videos"
    )


def _fitted(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _LARGEST / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
