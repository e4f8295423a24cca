"""A camera that OpenCV can open."""

import time
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import as_rgb

__all__ = ["Webcam"]

_TRIES: Final = 20  # empty reads in a row before a camera counts as lost: some drop a few while they adjust
_PAUSE: Final = 0.05  # s between empty reads


class Webcam:
    """Frames of a camera as they come.

    number: of the camera, 0 the first. width, height: px asked for; the camera gives the nearest that it has.
    Raises InputError where there is no such camera or another program holds it.
    """

    interval_ms = 0.0
    scene = 0

    def __init__(self, number: int = 0, width: int = 1280, height: int = 720) -> None:
        self.title = f"Camera {number}"
        self._capture = _opened(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise InputError(
                f"camera {number} does not open: plug one in, close the program that uses it, or choose another source"
            )
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        # Old frames in the driver's queue would show as delay.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def picture(self, t_ms: float) -> NDArray[np.uint8] | None:
        """Wait for the next frame; see `Source`."""
        for _ in range(_TRIES):
            more, bgr = self._capture.read()
            if more and bgr is not None and bgr.size:
                return as_rgb(np.asarray(bgr, np.uint8), "bgr")
            time.sleep(_PAUSE)
        raise InputError(f"{self.title.lower()} gives no more pictures: plug it in again, then choose it again")

    def close(self) -> None:
        """Release the camera for other programs."""
        self._capture.release()


def _opened(number: int) -> cv2.VideoCapture:
    logging = getattr(cv2.utils, "logging", None)
    if logging is None or not hasattr(logging, "setLogLevel"):  # phones' OpenCV cannot be quietened
        return cv2.VideoCapture(number)
    told = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # we say ourselves what is wrong with a camera
    try:
        return cv2.VideoCapture(number)
    finally:
        logging.setLogLevel(told)
