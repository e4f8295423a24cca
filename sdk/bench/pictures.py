"""What the models look at: picture files, and a camera that pans over a picture."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.imaging import load_image

__all__ = ["FRAME_MS", "BenchPicture", "bench_pictures", "pan"]

FRAME_MS: Final = 33
"""Time between two frames of a panned video."""

_WINDOW: Final = 0.9  # side of the camera's window / side of the picture
_PERIOD: Final = 60  # frames after which the camera is back where it was


@dataclass(frozen=True)
class BenchPicture:
    """One picture file that can be decoded."""

    path: Path
    width: int  # px, upright
    height: int
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the folder."""
        return {"name": self.path.name, "width": self.width, "height": self.height, "sha256": self.sha256}


def bench_pictures(paths: Sequence[Path]) -> list[BenchPicture]:
    """Decode each picture once, so that a bad one is known before anything is measured. Raises InputError."""
    pictures = []
    for path in paths:
        height, width = load_image(path).shape[:2]
        pictures.append(BenchPicture(path, width, height, hashlib.sha256(path.read_bytes()).hexdigest()))
    return pictures


def pan(rgb: NDArray[np.uint8], frames: int) -> Iterator[NDArray[np.uint8]]:
    """What a camera sees that wanders over a picture: nine tenths of its width and height.

    rgb: (H, W, 3) uint8. Yields `frames` contiguous pictures, (0.9 H, 0.9 W, 3), made when they are asked for.
    """
    height, width = rgb.shape[:2]
    rows, columns = max(round(height * _WINDOW), 1), max(round(width * _WINDOW), 1)
    for frame in range(frames):
        angle = 2 * math.pi * frame / _PERIOD
        top = round((height - rows) * (1 + math.sin(2 * angle)) / 2)
        left = round((width - columns) * (1 + math.sin(angle)) / 2)
        yield np.ascontiguousarray(rgb[top : top + rows, left : left + columns])
