"""A video file at its own pace: what is late is passed over, so that a second lasts a second."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import as_rgb, open_video

__all__ = ["Video"]

_USUAL_FPS: Final = 30.0


class Video:
    """Frames of a video file by their time.

    loop: start again after the last frame; else there is an end. Frames come upright where the file says how it was
    held. Raises InputError for what is no video, or holds no frame.
    """

    def __init__(self, path: Path, *, loop: bool = True) -> None:
        self.title = path.name
        self._path, self._loop = path, loop
        self._capture = open_video(self._path)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.interval_ms = 1000 / (fps if 1 <= fps <= 240 else _USUAL_FPS)
        self.scene = 0  # grows when the video starts again
        self._start_ms = 0.0  # when the file's first frame was due
        self._next = 0  # index of the frame that the decoder gives next
        self._shown: NDArray[np.uint8] | None = None

    def picture(self, t_ms: float) -> NDArray[np.uint8] | None:
        """The frame that is due; frames before it are decoded no further than needed. See `Source`."""
        while True:
            wanted = int((t_ms - self._start_ms) / self.interval_ms + 1e-6)
            if self._shown is not None and wanted < self._next:
                return self._shown
            if self._forward(wanted):
                continue
            if not self._loop:
                return None
            self._capture.release()
            self.scene += 1
            self._capture, self._start_ms, self._next, self._shown = open_video(self._path), t_ms, 0, None

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _forward(self, wanted: int) -> bool:
        """Decode the frame of an index; False where the file ends first."""
        while self._next < wanted:
            if not self._capture.grab():
                return self._ended()
            self._next += 1
        more, bgr = self._capture.read()
        if not more or bgr is None:
            return self._ended()
        self._next += 1
        self._shown = as_rgb(np.asarray(bgr, np.uint8), "bgr")
        return True

    def _ended(self) -> bool:
        if self._next == 0:
            raise InputError(f"{self._path} holds no frame that can be decoded: convert it to H.264 MP4 first")
        return False
