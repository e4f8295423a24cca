"""Training targets of a rendered picture: one label picture, boxes of its people, and maps sampled in any RoI.

A label picture is (H, W, 4) uint8: part 0..24, round(255 U), round(255 V), instance. Annotated photos know less: there
the part may be PART_ONLY + a part without coordinates, COARSE + a coarse part, UNKNOWN_PART (a person, but which
part?) or UNKNOWN (who knows what), and single surface points are given beside. Pixel frames have their origin at the
top left corner, with pixel centres at +0.5.
"""

from typing import Final, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.records import Picture

__all__ = [
    "COARSE",
    "PART_ONLY",
    "UNKNOWN",
    "UNKNOWN_PART",
    "Labeller",
    "box_matrix",
    "burn_points",
    "instance_boxes",
    "label_picture",
    "sample_maps",
    "seen_in_square",
]


COARSE: Final = 100
PART_ONLY: Final = 200
UNKNOWN: Final = 254
UNKNOWN_PART: Final = 255


class Labeller(Protocol):
    """Part and surface coordinate of rendered pixels (`SurfaceLabels`)."""

    def iuv(
        self, face: NDArray[np.int32], barycentric: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """face: (...), barycentric: (..., 2) weights of the first two corners -> part (...), uv (2, ...) 0..1."""
        ...


def label_picture(picture: Picture, labeller: Labeller) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 label picture: part, round(255 U), round(255 V), instance; zeros on background."""
    labels = np.zeros((*picture.instance.shape, 4), np.uint8)
    seen = picture.instance > 0
    part, uv = labeller.iuv(picture.face[seen], picture.weights()[seen])
    _fill(labels, picture.instance, part, uv)
    return labels


def instance_boxes(instance: NDArray[np.uint8], people: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Tight boxes (people, 4) xyxy px and pixel counts (people,) of instances 1..people; zeros where none is seen."""
    boxes = np.zeros((people, 4), np.float32)
    counts = np.zeros(people, np.int64)
    _measure(instance, boxes, counts)
    return boxes, counts


@njit(cache=True, nogil=True)
def _fill(labels, instance, part, uv):  # type: ignore[no-untyped-def]
    """Labels of the person pixels in row order."""
    n = 0
    for y in range(instance.shape[0]):
        for x in range(instance.shape[1]):
            if instance[y, x]:
                labels[y, x, 0] = part[n]
                labels[y, x, 1] = np.uint8(uv[0, n] * 255 + 0.5)
                labels[y, x, 2] = np.uint8(uv[1, n] * 255 + 0.5)
                labels[y, x, 3] = instance[y, x]
                n += 1


@njit(cache=True, nogil=True)
def _measure(instance, boxes, counts):  # type: ignore[no-untyped-def]
    for y in range(instance.shape[0]):
        for x in range(instance.shape[1]):
            i = instance[y, x]
            if i == 0 or i > len(counts):
                continue
            i -= 1
            if counts[i] == 0:
                boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = x, y, x + 1, y + 1
            else:
                boxes[i, 0], boxes[i, 2] = min(boxes[i, 0], x), max(boxes[i, 2], x + 1)
                boxes[i, 3] = y + 1
            counts[i] += 1


def box_matrix(box: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """(2, 3) affine map from the `size` x `size` cells of a box, cell centres at +0.5, to the frame of the box."""
    x0, y0, x1, y1 = (float(value) for value in box)
    return np.array([[(x1 - x0) / size, 0.0, x0], [0.0, (y1 - y0) / size, y0]])


def sample_maps(labels: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, instance: int) -> NDArray[np.uint8]:
    """The label picture at the cell centres of an RoI: the pixel under each, of one person only.

    labels: (H, W, 4). matrix: (2, 3), cells to pixels (`box_matrix`). Beyond the picture, and where another person is
    seen, is background; what is UNKNOWN stays so.

    Returns (3, size, size) uint8: part, round(255 U), round(255 V).
    """
    height, width = labels.shape[:2]
    cells = np.arange(size) + 0.5
    x = np.floor(matrix[0, 0] * cells[None, :] + (matrix[0, 1] * cells[:, None] + matrix[0, 2])).astype(np.int32)
    y = np.floor(matrix[1, 0] * cells[None, :] + (matrix[1, 1] * cells[:, None] + matrix[1, 2])).astype(np.int32)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    values = labels[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    values[~inside | ((values[..., 3] != instance) & (values[..., 0] != UNKNOWN))] = 0
    return np.ascontiguousarray(values[..., :3].transpose(2, 0, 1))


def burn_points(
    maps: NDArray[np.uint8], points: NDArray[np.float32], matrix: NDArray[np.float64], instance: int
) -> None:
    """Write a person's surface points into sampled maps, in place: each into the cell that it lies in.

    maps: (3, size, size) of `sample_maps`. points: (K, 6) x, y px, part, U, V, instance. matrix: (2, 3), cells to px.
    """
    own = points[points[:, 5] == instance]
    if not len(own):
        return
    cell = np.floor(np.linalg.solve(matrix[:, :2], (own[:, :2] - matrix[:, 2]).T)).astype(np.intp)
    inside = ((cell >= 0) & (cell < maps.shape[1])).all(axis=0)
    x, y = cell[:, inside]
    maps[:, y, x] = np.rint(own[inside, 2:5] * (1, 255, 255)).astype(np.uint8).T


def seen_in_square(
    labels: NDArray[np.uint8], person: int | None, matrix: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float32], float]:
    """Tight box in crop units of a person's pixels in a square crop, and the share of the pixels that lie in it.

    labels: (H, W, 4). person: row of the person. matrix: (2, 3), the crop's `size` x `size` pixels to the picture's.

    With nobody asked for: the share of the crop that people cover.
    """
    step = 2 if labels.shape[0] * labels.shape[1] > 64 * 64 else 1
    instance = labels[::step, ::step, 3]
    rows, columns = np.nonzero(instance > 0 if person is None else instance == person + 1)
    if not len(rows):
        return np.zeros(4, np.float32), 0.0
    linear = np.linalg.inv(matrix[:, :2])
    points = (np.stack([columns, rows], 1) * step + step / 2 - matrix[:, 2]) @ linear.T / size
    inside = ((points >= 0) & (points <= 1)).all(1)
    if person is None:
        area = inside.sum() * step * step * abs(np.linalg.det(linear)) / size**2
        return np.zeros(4, np.float32), float(area)
    if not inside.any():
        return np.zeros(4, np.float32), 0.0
    half = step / 2 * float(np.hypot(*linear[0])) / size
    low, high = points.min(0) - half, points.max(0) + half
    return np.clip(np.concatenate([low, high]), 0, 1).astype(np.float32), float(inside.mean())
