"""Rendered people, for whoever has no camera: a short film that this package carries, over and over."""

import io
import zipfile
from importlib import resources
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import as_rgb

__all__ = ["RenderedPeople"]

_FILM: Final = "dance.zip"  # of `densepose-mobile data clip`: WebP frames by name in order of time
_MEND: Final = "install densepose-mobile again, or choose another source"


class RenderedPeople:
    """Two dancers, drawn by the renderer that also makes training pictures: no photo, no camera.

    Raises InputError where the film is missing from the installation.
    """

    title = "Rendered people"
    interval_ms = 1000 / 20

    def __init__(self) -> None:
        self.scene = 0  # grows when the film starts again
        file = resources.files("densepose_mobile.apps.camera.samples") / _FILM
        try:
            self._film = zipfile.ZipFile(io.BytesIO(file.read_bytes()))
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"the film of rendered people cannot be read ({error}): {_MEND}") from error
        self._names = sorted(self._film.namelist())

    def picture(self, t_ms: float) -> NDArray[np.uint8] | None:
        """The frame at a time; see `Source`."""
        turn, frame = divmod(int(t_ms / self.interval_ms), len(self._names))
        self.scene = turn
        bgr = cv2.imdecode(np.frombuffer(self._film.read(self._names[frame]), np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise InputError(f"frame {frame} of the film of rendered people is damaged: {_MEND}")
        return as_rgb(np.asarray(bgr, np.uint8), "bgr")

    def close(self) -> None:
        """Let go of the film."""
        self._film.close()
