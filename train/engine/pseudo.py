"""Pseudo-labels of photos that nobody annotated: who is there, their silhouettes, and the joints that are sure.

Boxes and silhouettes are those of a dense-pose model of this project; joints are MoveNet-Thunder's, of which those are
sure that it gives a good score, that the mirrored picture gives at the same place, and that lie on the person. Doubtful
people are written as crowds, which are neither right nor wrong, and photos without a sure person are left out: nobody
knows who is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from densepose_mobile.bundle import DEFAULT_BUNDLE
from densepose_mobile.cli.results_file import model_card
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import PICTURE_SUFFIXES, crop_input, load_image
from densepose_mobile.metrics.keypoints import KEYPOINT_MIRROR, KEYPOINT_NAMES
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.options import Options
from densepose_mobile.predictor import DensePose
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.train.data.dense_labels import file_hash
from densepose_mobile.train.engine.segmenter import Segmenter
from densepose_mobile.train.models.keypoints import KEYPOINT_INPUT, load_keypoint_net

__all__ = ["PhotoLabeller", "PseudoPlan", "label_folder", "load_labeller", "photos_of", "sure_joints"]

_MOST_PEOPLE: Final = 60
_VISIBLE: Final = 2
_PLACED: Final = 1  # COCO's word for a joint that is placed but not seen


@dataclass(frozen=True)
class PseudoPlan:
    """What is sure. Shares of a box are of its longer side."""

    person: float = 0.45  # least score of a person; below it a crowd
    doubtful: float = 0.15  # least score of whoever may be a person
    joint: float = 0.3  # least score of a joint
    joint_gap: float = 0.05  # of the box, largest distance between a joint and its mirrored look
    joint_reach: float = 0.02  # of the box, how far off the silhouette a joint may lie
    keypoint_margin: float = 1.2  # side of the crop / longer side of the box
    segment_margin: float = 1.4  # the same, of the segmenter's crop
    segment_iou: float = 0.5  # least IoU with the model's silhouette for the segmenter's to be taken


class PhotoLabeller:
    """Labels one photo after the other.

    find: people of an RGB photo, those of doubtful scores too. keypoints: `KeypointNet`. segmenter: `Segmenter`.
    """

    def __init__(
        self,
        find: Callable[[NDArray[np.uint8]], DensePoseResult],
        keypoints: Callable[[Tensor], Tensor],
        segmenter: Callable[[NDArray[np.uint8], Sequence[float]], NDArray[np.bool_]] | None = None,
        plan: PseudoPlan | None = None,
    ) -> None:
        self.plan = plan or PseudoPlan()
        self._find, self._keypoints, self._segmenter = find, keypoints, segmenter

    def __call__(self, rgb: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """COCO annotations, without ids, of the people of a photo (H, W, 3), the best first."""
        result = self._find(rgb)
        height, width = rgb.shape[:2]
        silhouettes = []
        for person in result:
            mask = np.zeros((height, width), bool)
            mask[person.window] = person.mask
            silhouettes.append(mask)
        taken = np.sum(silhouettes, 0) if silhouettes else np.zeros((height, width))
        entries: list[dict[str, Any]] = []
        for person, mask in zip(result, silhouettes, strict=True):
            if not mask.any():
                continue
            if person.score < self.plan.person:
                entries.append({**_shape(mask), "iscrowd": 1, "score": round(float(person.score), 4)})
                continue
            drawn = self._redrawn(rgb, person, mask, taken - mask > 0)
            joints = self._joints(rgb, person, drawn)
            entries.append(
                {
                    **_shape(drawn),
                    "iscrowd": 0,
                    "score": round(float(person.score), 4),
                    "keypoints": joints.ravel().tolist(),
                    "num_keypoints": int((joints[:, 2] == _VISIBLE).sum()),
                }
            )
        return entries

    def _redrawn(
        self, rgb: NDArray[np.uint8], person: Person, mask: NDArray[np.bool_], others: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """The segmenter's silhouette where it means the same person, else the model's."""
        if self._segmenter is None:
            return mask
        drawn = self._segmenter(rgb, _square(person.box, self.plan.segment_margin)) & ~others
        union = np.count_nonzero(drawn | mask)
        return drawn if np.count_nonzero(drawn & mask) >= self.plan.segment_iou * union else mask

    def _joints(self, rgb: NDArray[np.uint8], person: Person, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(17, 3) x, y px as COCO writes them, visibility."""
        crop, letterbox = crop_input(rgb, _square(person.box, self.plan.keypoint_margin), KEYPOINT_INPUT)
        looks = torch.from_numpy(np.concatenate([crop, crop[:, :, ::-1]])).permute(0, 3, 1, 2)
        straight, mirrored = self._keypoints(looks).numpy()
        mirrored = mirrored[KEYPOINT_MIRROR]
        mirrored[:, 0] = KEYPOINT_INPUT - mirrored[:, 0]
        for look in (straight, mirrored):
            look[:, :2] = letterbox.from_network(look[:, :2])
        side = float((person.box[2:] - person.box[:2]).max())
        places, sure = sure_joints(straight, mirrored, mask, side, self.plan)
        visibility = np.where(sure, _VISIBLE, _PLACED)
        return np.column_stack([np.round(places - 0.5, 2), visibility]).astype(np.float64)


def load_labeller(
    detector: str | None, keypoints: Path, segmenter: Path | None, threads: int, plan: PseudoPlan | None = None
) -> tuple[PhotoLabeller, dict[str, Any]]:
    """A labeller of files, and what the labels' provenance says of them.

    detector: bundle, None for the shipped one. keypoints: movenet_thunder.npz. segmenter: a .tflite file.
    Raises BundleError, AssetError or BackendUnavailable for what does not load.
    """
    plan = plan or PseudoPlan()
    options = Options(threads=threads, score=plan.doubtful, max_people=_MOST_PEOPLE)
    model = DensePose.load(detector, options=options)
    net = load_keypoint_net(keypoints)
    drawer = None if segmenter is None else Segmenter(segmenter, threads)
    torch.set_num_threads(threads)
    models = {
        "detector": model_card(detector or DEFAULT_BUNDLE),
        "keypoints": {"name": keypoints.name, "sha256": file_hash(keypoints)},
        "segmenter": None if drawer is None else {"name": drawer.name, "sha256": drawer.sha256},
    }
    return PhotoLabeller(lambda rgb: model.predict(rgb, mode="accurate"), net, drawer, plan), models


def sure_joints(
    straight: NDArray[np.floating],
    mirrored: NDArray[np.floating],
    mask: NDArray[np.bool_],
    side: float,
    plan: PseudoPlan,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Places (17, 2) px of two looks' keypoints (17, 3), the mean of both, and (17,) whether they are sure.

    mask: (H, W) of the person. side: px, longer side of the person's box.
    """
    places = (np.asarray(straight[:, :2], np.float64) + mirrored[:, :2]) / 2
    near = np.hypot(*(straight[:, :2] - mirrored[:, :2]).T) <= plan.joint_gap * side
    reach = max(round(2 * plan.joint_reach * side) | 1, 1)
    grown = cv2.dilate(mask.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    column, row = np.floor(places).astype(np.intp).T
    height, width = mask.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    on = np.zeros(len(places), bool)
    on[inside] = grown[row[inside], column[inside]] > 0
    score = np.minimum(straight[:, 2], mirrored[:, 2])
    return places, near & on & (score >= plan.joint)


def photos_of(folder: Path) -> list[Path]:
    """The photos right in a folder, by name. Raises InputError when there is none."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    except OSError as error:
        raise InputError(f"{folder} cannot be listed ({error.strerror or error}): give a folder of photos") from None
    if not paths:
        raise InputError(f"{folder} holds no photo: {' '.join(PICTURE_SUFFIXES)}")
    return paths


def label_folder(
    photos: Path, label: PhotoLabeller, models: dict[str, Any], progress: Callable[[int, int], object]
) -> dict[str, Any]:
    """The COCO person file of the photos in a folder, by name; `models` goes into its provenance.

    progress: called with the number of photos that are done and of all. Raises InputError when there is none.
    """
    paths = photos_of(photos)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for done, path in enumerate(paths, 1):
        rgb = load_image(path)
        found = label(rgb)
        if any(not entry["iscrowd"] for entry in found):
            images.append(
                {
                    "id": len(images) + 1,
                    "file_name": path.name,
                    "width": rgb.shape[1],
                    "height": rgb.shape[0],
                    "sha256": file_hash(path),
                }
            )
            owner = {"image_id": len(images), "category_id": 1}
            annotations += [{"id": len(annotations) + i, **owner, **entry} for i, entry in enumerate(found, 1)]
        progress(done, len(paths))
    return {
        "info": {
            "description": "Pseudo-labels: nobody looked at them. Joints of visibility 2 are sure, of 1 only placed; "
            "regions with iscrowd may hold people.",
            "photos": len(paths),
            "models": models,
            "plan": asdict(label.plan),
        },
        "categories": [{"id": 1, "name": "person", "keypoints": list(KEYPOINT_NAMES)}],
        "images": images,
        "annotations": annotations,
    }


def _square(box: NDArray[np.floating], margin: float) -> Sequence[float]:
    middle, half = (box[:2] + box[2:]) / 2, max(float((box[2:] - box[:2]).max()) * margin, 1.0) / 2
    return [*(middle - half).tolist(), *(middle + half).tolist()]


def _shape(mask: NDArray[np.bool_]) -> dict[str, Any]:
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return {"bbox": [x, y, width, height], "area": int(mask.sum()), "segmentation": encode_rle(mask)}
