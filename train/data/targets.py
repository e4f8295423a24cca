"""Training targets of a rendered picture: one label picture, boxes of its people, and maps sampled in any RoI.

A label picture is (H, W, 4) uint8: part 0..24, round(255 U), round(255 V), instance. Pixel frames have their origin at
the top left corner, with pixel centres at +0.5.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.records import Picture

__all__ = ["Labeller", "box_matrix", "instance_boxes", "label_picture", "sample_maps"]


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
    labels[seen] = np.stack([part, *np.rint(uv * 255).astype(np.uint8), picture.instance[seen]], axis=-1)
    return labels


def instance_boxes(instance: NDArray[np.uint8], people: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Tight boxes (people, 4) xyxy px and pixel counts (people,) of instances 1..people; zeros where none is seen."""
    boxes = np.zeros((people, 4), np.float32)
    counts = np.bincount(instance.ravel(), minlength=people + 1)[1 : people + 1]
    for i in np.flatnonzero(counts):
        mask = instance == i + 1
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        boxes[i] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return boxes, counts


def box_matrix(box: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """(2, 3) affine map from the `size` x `size` cells of a box, cell centres at +0.5, to the frame of the box."""
    x0, y0, x1, y1 = (float(value) for value in box)
    return np.array([[(x1 - x0) / size, 0.0, x0], [0.0, (y1 - y0) / size, y0]])


def sample_maps(labels: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, instance: int) -> NDArray[np.uint8]:
    """The label picture at the cell centres of an RoI: the pixel under each, of one person only.

    labels: (H, W, 4). matrix: (2, 3), cells to pixels (`box_matrix`). Beyond the picture, and where another person is
    seen, is background.

    Returns (3, size, size) uint8: part, round(255 U), round(255 V).
    """
    height, width = labels.shape[:2]
    cells = np.arange(size) + 0.5
    x = np.floor(matrix[0, 0] * cells[None, :] + (matrix[0, 1] * cells[:, None] + matrix[0, 2])).astype(np.int32)
    y = np.floor(matrix[1, 0] * cells[None, :] + (matrix[1, 1] * cells[:, None] + matrix[1, 2])).astype(np.int32)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    values = labels[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    values[~inside | (values[..., 3] != instance)] = 0
    return np.ascontiguousarray(values[..., :3].transpose(2, 0, 1))
