"""Average precision of boxes, masks and keypoints by pycocotools, COCO's own program: to compare with others."""

import contextlib
import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.joints import implied_keypoints
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.metrics.posetrack import outside_ignored
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.metrics.similarity import Geodesics
from densepose_mobile.metrics.truth import TruthPicture
from densepose_mobile.results import DensePoseResult

__all__ = ["KINDS", "CocoJudge"]

KINDS: Final = {"box": "bbox", "mask": "segm", "keypoints": "keypoints"}
"""What is compared -> pycocotools' name of it."""

_FIGURES: Final = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
_KEYPOINT_FIGURES: Final = ("ap", "ap50", "ap75", "ap_medium", "ap_large")


class CocoJudge:
    """Collects pictures and judges all of them at the end. Keeps masks as run-length codes.

    Keypoints of a prediction are those that its surface points imply (`implied_keypoints`).

    Raises InputError when pycocotools is not installed.
    """

    def __init__(self, atlas: Geodesics) -> None:
        try:
            from pycocotools import coco, cocoeval
        except ImportError as error:
            raise InputError(
                "average precision of boxes and masks needs pycocotools; pip install 'densepose-mobile[eval]'"
            ) from error
        self._coco, self._cocoeval, self._atlas = coco, cocoeval, atlas
        self._pictures: list[dict[str, Any]] = []
        self._truth: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []

    def add(self, picture: TruthPicture, result: DensePoseResult) -> None:
        """One picture's people and predictions, low scores too."""
        result = outside_ignored(result, picture)
        self._pictures.append({"id": picture.id, "height": picture.height, "width": picture.width})
        for person in picture.people:
            mask = person.mask
            own: dict[str, Any] = {"id": len(self._truth) + 1, "area": int(mask.sum()), "iscrowd": int(person.crowd)}
            joints = np.zeros((len(KEYPOINT_NAMES), 3)) if person.keypoints is None else person.keypoints
            own |= {"num_keypoints": int((joints[:, 2] > 0).sum()), "keypoints": joints.ravel().tolist()}
            self._truth.append({"image_id": picture.id, "category_id": 1, **own, **_shape(person.box, mask)})
        asked = any(person.keypoints is not None for person in picture.people)
        for guess in result:
            mask = np.zeros((picture.height, picture.width), bool)
            mask[guess.window] = guess.mask
            entry: dict[str, Any] = {"image_id": picture.id, "category_id": 1, "score": float(guess.score)}
            if asked:
                entry["keypoints"] = implied_keypoints(guess, self._atlas).ravel().tolist()
            self._found.append({**entry, **_shape(guess.box, mask)})

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of KINDS that the annotations know."""
        joints = any(entry["num_keypoints"] for entry in self._truth)
        return tuple(kind for kind in KINDS if joints or kind != "keypoints")

    def precision(self, kind: str) -> dict[str, float]:
        """ap, ap50, ap75, ap_small, ap_medium, ap_large by one of KINDS, at most 100 predictions a picture.

        By keypoints: at most 20, likeness is object keypoint similarity, and there is no ap_small. A figure without
        anybody to find is nan.
        """
        names = _KEYPOINT_FIGURES if kind == "keypoints" else _FIGURES
        found = [entry for entry in self._found if kind != "keypoints" or "keypoints" in entry]
        if not found:
            return dict.fromkeys(names, 0.0 if self._truth else float("nan"))
        with contextlib.redirect_stdout(io.StringIO()):
            reference = self._coco.COCO()
            reference.dataset = {
                "images": self._pictures,
                "annotations": self._truth,
                "categories": [{"id": 1, "name": "person"}],
            }
            reference.createIndex()
            judge = self._cocoeval.COCOeval(reference, reference.loadRes(_of_kind(found, kind)), KINDS[kind])
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        figures = zip(names, judge.stats[: len(names)], strict=True)
        return {name: float(value) if value >= 0 else float("nan") for name, value in figures}


def _of_kind(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """pycocotools guesses the kind of results by the first key that it knows: leave it only one."""
    other = ("keypoints",) if kind != "keypoints" else ("segmentation", "bbox")
    return [{key: value for key, value in entry.items() if key not in other} for entry in found]


def _shape(box: NDArray[np.floating], mask: NDArray[np.bool_]) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(c) for c in box)
    return {"bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": encode_rle(mask)}
