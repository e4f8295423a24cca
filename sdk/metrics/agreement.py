"""Keypoint-part agreement: does the part that is predicted around a visible joint meet at that joint?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.metrics.keypoints import MIRRORED_PARTS, PARTS_AT_KEYPOINT
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.results import Person

__all__ = ["KeypointReading", "majority_part", "read_keypoints", "visible_keypoints"]


@dataclass(frozen=True, eq=False)
class KeypointReading:
    """What is predicted at the visible keypoints of one person."""

    keypoint: NDArray[np.intp]  # (K,) 0..16
    part: NDArray[np.uint8]  # (K,) majority part of the window, 0 background
    uv: NDArray[np.float32]  # (2, K) of the pixel of that part that is nearest to the keypoint
    confidence: NDArray[np.float32]  # (K,) of the same pixel

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(K,) the part meets at the joint."""
        return np.asarray(PARTS_AT_KEYPOINT[self.keypoint, self.part])

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        """(K,) the part meets at the same joint of the other side."""
        return np.asarray(MIRRORED_PARTS[self.keypoint, self.part])


def visible_keypoints(keypoints: NDArray[np.float32] | None) -> NDArray[np.intp]:
    """Indices of the keypoints (17, 3) that are annotated as visible (v = 2); none where there are no keypoints."""
    return np.zeros(0, np.intp) if keypoints is None else np.flatnonzero(keypoints[:, 2] == 2)


def read_keypoints(
    person: Person | None, keypoints: NDArray[np.float32] | None, height: int, width: int, window: int = 5
) -> KeypointReading:
    """The prediction at each visible keypoint; background everywhere when the person was missed.

    keypoints: (17, 3) x, y px and visibility. height, width: px of the picture, where windows end.
    """
    visible = visible_keypoints(keypoints)
    part = np.zeros(len(visible), np.uint8)
    uv = np.zeros((2, len(visible)), np.float32)
    confidence = np.zeros(len(visible), np.float32)
    if person is not None and keypoints is not None:
        left, top = int(person.box[0]), int(person.box[1])
        for place, index in enumerate(visible):
            column, row = (int(np.floor(c)) for c in keypoints[index, :2])
            part[place], nearest = majority_part(person, row, column, height, width, window)
            if nearest is not None:
                at = nearest[0] - top, nearest[1] - left
                uv[:, place], confidence[place] = person.uv[:, at[0], at[1]], person.confidence[at]
    return KeypointReading(visible, part, uv, confidence)


def majority_part(
    person: Person, row: int, column: int, height: int, width: int, window: int = 5
) -> tuple[int, tuple[int, int] | None]:
    """Most frequent part, background among them, in a square window of the picture, and the nearest pixel with it.

    row, column: px, the window's centre. Of equally frequent labels the one whose pixel is nearest to the centre wins.

    Returns the part, and row and column (px, picture) of its nearest pixel: None for background.
    """
    reach = window // 2
    rows = np.arange(max(row - reach, 0), min(row + reach + 1, height))
    columns = np.arange(max(column - reach, 0), min(column + reach + 1, width))
    if not rows.size or not columns.size:
        return 0, None
    labels = np.zeros((rows.size, columns.size), np.uint8)
    left, top, right, bottom = (int(c) for c in person.box)
    inner_rows, inner_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    labels[np.ix_(inner_rows, inner_columns)] = person.part[
        np.ix_(rows[inner_rows] - top, columns[inner_columns] - left)
    ]
    counts = np.bincount(labels.ravel(), minlength=NUM_PARTS + 1)
    distance = np.square(rows - row)[:, None] + np.square(columns - column)
    nearest = distance + 1000 * (counts[labels] < counts.max())
    place = np.unravel_index(int(nearest.argmin()), nearest.shape)
    part = int(labels[place])
    return part, (int(rows[place[0]]), int(columns[place[1]])) if part else None
