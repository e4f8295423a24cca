"""The 17 COCO keypoints that a dense prediction implies: where the surface about each joint is seen."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.metrics.keypoints import JOINT_KAPPA, KEYPOINT_NAMES, PARTS_AT_KEYPOINT
from densepose_mobile.metrics.similarity import Geodesics, geodesic_similarity
from densepose_mobile.results import Person

__all__ = ["implied_keypoints"]

_PIXELS: Final = 4000  # of a person that are asked; more change a keypoint by less than a pixel
_NEAR: Final = 0.03  # m, standard deviation about the least distance of the pixels that are averaged


def implied_keypoints(person: Person, atlas: Geodesics) -> NDArray[np.float32]:
    """(17, 3) x, y px of the picture and a score 0..1 of each keypoint.

    A joint lies in the middle of the visible pixels that are nearest to it along the body. Its score says how near they
    come; it is 0, and the joint in the middle of the box, where no part is seen that meets at the joint.
    """
    table = np.zeros((len(KEYPOINT_NAMES), 3), np.float32)
    table[:, :2] = (person.box[:2] + person.box[2:]) / 2
    rows, columns = np.nonzero(person.mask)
    step = 1 + len(rows) // _PIXELS
    rows, columns = rows[::step], columns[::step]
    part, uv = person.part[rows, columns], person.uv[:, rows, columns]
    places = np.stack([columns, rows], 1) + 0.5 + person.box[:2]
    asked = PARTS_AT_KEYPOINT[:, part]  # (17, K)
    keypoint, pixel = np.nonzero(asked)
    distance = np.full(asked.shape, np.inf)
    distance[keypoint, pixel] = atlas.keypoint_distance(keypoint, part[pixel], uv[:, pixel])
    for index in np.flatnonzero(asked.any(1)):
        least = distance[index].min()
        weight = np.exp(-0.5 * np.square((distance[index] - least) / _NEAR))
        table[index, :2] = weight @ places / weight.sum()
        table[index, 2] = geodesic_similarity(np.array([least]), JOINT_KAPPA[index])[0]
    return table
