"""Rendered people, for whoever has no camera: pictures that this package carries, under a slowly moving view."""

import math
from importlib import resources
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import as_rgb

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["RenderedPeople"]

_SCENE_MS: Final = 8000.0
_NARROWEST: Final = 0.78  # of the picture's side that the view shows when it is closest


class RenderedPeople:
    """The shipped pictures, one scene after the other, each seen by a view that drifts and draws near.

    The people stand still: it is the view that moves. side: px of the square frames. Raises InputError where the
    pictures are missing from the installation.
    """

    title = "Rendered people"
    interval_ms = 1000 / 30

    def __init__(self, side: int = 640) -> None:
        self._side = side
        self.scene = 0
        self._stills = [_decoded(file) for file in _shipped()]

    def picture(self, t_ms: float) -> NDArray[np.uint8] | None:
        """The view at a time; see `Source`."""
        scene, within = divmod(t_ms, _SCENE_MS)
        self.scene = int(scene) if len(self._stills) > 1 else 0
        still = self._stills[int(scene) % len(self._stills)]
        return _view(still, within / _SCENE_MS, 1 if int(scene) % 2 else -1, self._side)

    def close(self) -> None:
        """Nothing is held open."""


def _view(still: NDArray[np.uint8], phase: float, direction: int, side: int) -> NDArray[np.uint8]:
    """A square window on the still. phase: 0..1 through the scene. Returns (side, side, 3) uint8."""
    height, width = still.shape[:2]
    ease = 0.5 - 0.5 * math.cos(math.pi * phase)
    window = (1 - (1 - _NARROWEST) * ease) * min(height, width)
    # The view drifts within what it leaves out, so that it never shows beyond the picture.
    left = (width - window) * (0.5 + 0.5 * direction * math.sin(math.pi * (phase - 0.5)) * 0.9)
    top = (height - window) * 0.35
    scale = side / window
    matrix = np.array([[scale, 0, 0.5 * (scale - 1) - left * scale], [0, scale, 0.5 * (scale - 1) - top * scale]])
    view = cv2.warpAffine(still, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.uint8)


def _shipped() -> "list[Traversable]":
    folder = resources.files("densepose_mobile.apps.camera.samples")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".jpg")), key=lambda file: file.name)
    if not files:
        raise InputError("the rendered pictures are not part of this installation: install densepose-mobile again")
    return files


def _decoded(file: "Traversable") -> NDArray[np.uint8]:
    bgr = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise InputError(f"{file.name} of this installation is damaged: install densepose-mobile again")
    return as_rgb(np.asarray(bgr, np.uint8), "bgr")
