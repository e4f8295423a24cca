"""People of annotated photos as guests in other pictures: cut out along their silhouettes and pasted elsewhere.

Few photos are annotated, but their people are real: pasted, each of them is seen in front of many places, at many sizes
and behind and before others (Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation, CVPR 2021).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.augment import mirror, mirror_points
from densepose_mobile.train.data.keypoints import hide_keypoints, mirror_keypoints, moved
from densepose_mobile.train.data.samples import MAX_PEOPLE, Scene

__all__ = ["with_guests"]

_MOST: Final = 3  # guests at once
_SIZE: Final = (0.15, 0.9)  # longer side / that of the picture, least and most
_ENLARGED: Final = 1.5  # at most: a blurred guest would be known by the blur
_INSIDE: Final = 0.6  # of a guest's sides, at least
_FLIP: Final = 0.5
_EDGE: Final = 2.0  # px from the photo's edge within which somebody is cut off by it
_MARGIN: Final = 3  # px about the silhouette, for its soft edge
_SOFT: Final = 0.8  # px, standard deviation of the silhouette's edge


@dataclass(frozen=True, eq=False)
class _Cutout:
    """A window of a photo about one person. image: (h, w, 3). labels: (h, w, 4), zero but for the person.

    cut_off: the person goes on beyond the photo's left, top, right, bottom edge. keypoints, points: px of the window.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    cut_off: tuple[bool, bool, bool, bool]
    least: float
    keypoints: NDArray[np.float32]
    points: NDArray[np.float32]

    @classmethod
    def of(cls, photo: Scene, row: int) -> "_Cutout":
        height, width = photo.labels.shape[:2]
        box = photo.boxes[row]
        left, top = np.maximum(np.floor(box[:2]).astype(int) - _MARGIN, 0)
        right, bottom = np.minimum(np.ceil(box[2:]).astype(int) + _MARGIN, (width, height))
        window = slice(top, bottom), slice(left, right)
        labels = photo.labels[window].copy()
        labels[labels[..., 3] != row + 1] = 0
        own = photo.points[photo.points[:, 5] == row + 1]
        low, high = box[:2] < _EDGE, box[2:] > np.array([width, height]) - _EDGE
        return cls(
            photo.image[window],
            labels,
            (bool(low[0]), bool(low[1]), bool(high[0]), bool(high[1])),
            float(photo.least[row]),
            moved(photo.keypoints[row], left, top),
            moved(own, left, top),
        )

    def mirrored(self) -> "_Cutout":
        left, top, right, bottom = self.cut_off
        width = self.image.shape[1]
        return _Cutout(
            np.ascontiguousarray(self.image[:, ::-1]),
            mirror(self.labels),
            (right, top, left, bottom),
            self.least,
            mirror_keypoints(self.keypoints, width),
            mirror_points(self.points, width),
        )

    def resized(self, scale: float) -> "_Cutout":
        height, width = self.image.shape[:2]
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        factor = np.array(size, np.float32) / (width, height)
        keypoints, points = self.keypoints.copy(), self.points.copy()
        keypoints[:, :2] *= factor
        points[:, :2] *= factor
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return _Cutout(
            np.asarray(cv2.resize(self.image, size, interpolation=smooth), np.uint8),
            np.asarray(cv2.resize(self.labels, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8),
            self.cut_off,
            self.least * scale**2,
            keypoints,
            points,
        )


def with_guests(rng: np.random.Generator, scene: Scene, photo: Scene) -> Scene:
    """The scene with up to three people of an annotated photo in front of it, as rows behind its own.

    Who is cut off by an edge of the photo stands at that edge of the scene; who is cut off by two opposite ones comes
    only where they reach across it. A scene that is full takes nobody.
    """
    people = photo.people()
    invited = rng.permutation(people)[: int(rng.integers(1, _MOST + 1))]
    for row in invited.tolist()[: MAX_PEOPLE - len(scene.boxes)]:
        guest = _Cutout.of(photo, row)
        if rng.random() < _FLIP:
            guest = guest.mirrored()
        height, width = scene.labels.shape[:2]
        longer = float((photo.boxes[row, 2:] - photo.boxes[row, :2]).max())
        size = float(np.exp(rng.uniform(*np.log(_SIZE)))) * max(height, width)
        guest = guest.resized(min(size / longer, _ENLARGED))
        corner = _corner(rng, guest, width, height)
        if corner is not None:
            scene = _paste(scene, guest, *corner)
    return scene


def _corner(rng: np.random.Generator, guest: _Cutout, width: int, height: int) -> tuple[int, int] | None:
    """Where the cut-out's corner goes; None for somebody who would end in mid-air."""
    corner = []
    for axis, side in enumerate((width, height)):
        own = guest.image.shape[1 - axis]
        before, behind = guest.cut_off[axis], guest.cut_off[axis + 2]
        if before and behind and own < side:
            return None
        if before or behind:
            corner.append(0 if before else side - own)
        else:
            corner.append(round(float(rng.uniform(-(1 - _INSIDE) * own, side - _INSIDE * own))))
    return corner[0], corner[1]


def _paste(scene: Scene, guest: _Cutout, left: int, top: int) -> Scene:
    height, width = scene.labels.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + guest.image.shape[1], width), min(top + guest.image.shape[0], height)
    there, here = (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    instance = len(scene.boxes) + 1
    silhouette = guest.labels[..., 3] > 0
    soft = cv2.GaussianBlur(silhouette.astype(np.float32), (0, 0), _SOFT)[here][..., None]
    image, labels = scene.image.copy(), scene.labels.copy()
    image[there] = np.rint(soft * guest.image[here] + (1 - soft) * image[there]).astype(np.uint8)
    own = silhouette[here]
    labels[there][own] = guest.labels[here][own]
    labels[there][own, 3] = instance
    covered = labels[..., 3] == instance
    points = guest.points.copy()
    points[:, 5] = instance
    return Scene.of(
        image,
        labels,
        np.append(scene.least, guest.least),
        np.concatenate([scene.points, moved(points, -left, -top)]),
        np.concatenate([hide_keypoints(scene.keypoints, covered), moved(guest.keypoints, -left, -top)[None]]),
    )
