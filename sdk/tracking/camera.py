"""How the camera moved between two frames, told by points behind the people."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.postprocess.silhouette import Silhouette

__all__ = ["CameraMotion"]

_SIDE: Final = 192  # px of the longer side in which points are followed
_POINTS: Final = 60  # most that are followed
_APART: Final = 6  # px between two of them
_QUALITY: Final = 0.02  # of a corner, as a share of the best one's
_WINDOW: Final = 15  # px about a point that are looked for in the next frame
_LEVELS: Final = 3  # halvings of the picture, so that a point may move by a quarter of the frame
_SPREAD: Final = 1.0  # px about the common motion that rotation and distance make of the background's
_IN_STEP: Final = 0.3  # px by which people who stand still in a moving picture may differ
_FEWEST: Final = 6  # points that tell a motion
_OF_ONE: Final = 3  # points that tell the motion of a person
_RIM: Final = 2  # px about a person that move with the person, as corners of an outline do


class CameraMotion:
    """Follows corners by optical flow (Lucas and Kanade, IJCAI 1981, in pyramids) from each frame to the next.

    What lies behind the people moves as the camera says. Where there is too little of it, as in a group before a plain
    wall, the camera's motion is the one that most of the people share.
    """

    def __init__(self) -> None:
        self._frame: NDArray[np.uint8] | None = None  # grey, of the newest frame
        self._before: tuple[NDArray[np.uint8], NDArray[np.uint16], int] | None = None  # with `_owners`, and how many

    def shift(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """By how much the scene moved, (2,) x, y px, since the frame that was remembered; zeros where nothing tells.

        rgb: (H, W, 3) uint8, the next frame. Call `remember` after it.
        """
        still = np.zeros(2, np.float32)
        if self._before is None:
            return still
        before, owners, people = self._before
        self._before = None  # a frame that fails later on is none to go on from
        self._frame = _shrunk(rgb)
        if self._frame.shape != before.shape:
            return still
        corners = cv2.goodFeaturesToTrack(before, _POINTS, _QUALITY, _APART)
        if corners is None:
            return still
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            before, self._frame, corners, np.empty_like(corners), winSize=(_WINDOW, _WINDOW), maxLevel=_LEVELS
        )
        kept = status[:, 0] == 1
        start, moves = corners[kept, 0], (found - corners)[kept, 0]
        columns, rows = start.round().astype(np.intp).T
        owner = owners[rows, columns]
        moved = _agreed(moves[owner == 0], _FEWEST, _SPREAD)
        if moved is None:
            each = (moves[owner == number] for number in range(1, people + 1))
            votes = [np.median(own, 0) for own in each if len(own) >= _OF_ONE]
            moved = _agreed(np.array(votes, np.float32).reshape(-1, 2), 2, _IN_STEP)
        return still if moved is None else (moved * (rgb.shape[1] / before.shape[1])).astype(np.float32)

    def remember(self, rgb: NDArray[np.uint8], people: Sequence[Silhouette]) -> None:
        """Take the frame as the one before the next. people: who is in it."""
        frame = _shrunk(rgb) if self._frame is None else self._frame
        self._before = frame, _owners(frame.shape, frame.shape[1] / rgb.shape[1], people), len(people)
        self._frame = None

    def forget(self) -> None:
        """There is no frame before the next one."""
        self._before = self._frame = None


def _shrunk(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    step = max(max(height, width) // (2 * _SIDE), 1)  # averaging all of a large frame would cost more than the rest
    green = np.ascontiguousarray(rgb[::step, ::step, 1])
    scale = min(_SIDE / max(green.shape), 1.0)
    size = max(round(green.shape[1] * scale), 1), max(round(green.shape[0] * scale), 1)
    return np.asarray(cv2.resize(green, size, interpolation=cv2.INTER_AREA), np.uint8)


def _owners(size: tuple[int, ...], scale: float, people: Sequence[Silhouette]) -> NDArray[np.uint16]:
    """On whom each pixel of the shrunk frame lies: 0 for nobody, 1 for the first; where two meet, the later.

    size: of the frame, height and width. scale: its px per px of the silhouettes.
    """
    owners = np.zeros(size, np.uint16)
    kernel = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    for number, shape in enumerate(people, 1):
        left, top, right, bottom = (round(edge * scale) for edge in shape.box)
        if right <= left or bottom <= top:
            continue
        own = np.zeros(size, np.uint8)
        mask = cv2.resize(shape.mask.view(np.uint8), (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
        own[top:bottom, left:right] = mask[: size[0] - top, : size[1] - left]
        owners[cv2.dilate(own, kernel) > 0] = number
    return owners


def _agreed(moves: NDArray[np.float32], fewest: int, within: float) -> NDArray[np.float32] | None:
    """The motion (2,) that more than half of moves (K, 2), and at least `fewest`, have in common but for `within`."""
    if len(moves) < fewest:
        return None
    alike = np.abs(moves - np.median(moves, 0)).max(1) <= within
    if alike.sum() < fewest or alike.mean() <= 0.5:
        return None
    return np.asarray(np.median(moves[alike], 0), np.float32)
