"""Video files as OpenCV opens them, with a clear word about every file that it cannot."""

import os
from pathlib import Path

import cv2

from densepose_mobile.errors import InputError

__all__ = ["name_for_opencv", "open_video"]


def open_video(path: Path) -> cv2.VideoCapture:
    """Open a video file; the caller releases it. Raises InputError with the mend."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # we say ourselves what is wrong with a file
    name = name_for_opencv(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path")
    capture = cv2.VideoCapture(name)
    if not capture.isOpened():
        capture.release()
        raise InputError(f"{path} is not a video that OpenCV can read: convert it to H.264 MP4 first")
    return capture


def name_for_opencv(path: Path) -> str:
    """The path as OpenCV's video files need it. Raises InputError for bytes that are no UTF-8, which crash it."""
    name = str(path.absolute())  # FFmpeg takes what stands before the colon of "10:30.mp4" for a protocol
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name!r} is not in UTF-8, which OpenCV needs of a video's path: rename it") from None
    return name
