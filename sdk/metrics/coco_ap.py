"""Average precision of boxes and masks by pycocotools, COCO's own program, to compare with figures of others."""

import contextlib
import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.metrics.truth import TruthPicture
from densepose_mobile.results import DensePoseResult

__all__ = ["KINDS", "CocoJudge"]

KINDS: Final = {"box": "bbox", "mask": "segm"}
"""What is compared -> pycocotools' name of it."""

_FIGURES: Final = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


class CocoJudge:
    """Collects pictures and judges all of them at the end. Keeps masks as run-length codes.

    Raises InputError when pycocotools is not installed.
    """

    def __init__(self) -> None:
        try:
            from pycocotools import coco, cocoeval
        except ImportError as error:
            raise InputError(
                "average precision of boxes and masks needs pycocotools; pip install 'densepose-mobile[eval]'"
            ) from error
        self._coco, self._cocoeval = coco, cocoeval
        self._pictures: list[dict[str, Any]] = []
        self._truth: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []

    def add(self, picture: TruthPicture, result: DensePoseResult) -> None:
        """One picture's people and predictions, low scores too."""
        self._pictures.append({"id": picture.id, "height": picture.height, "width": picture.width})
        for person in picture.people:
            mask = person.mask
            own = {"id": len(self._truth) + 1, "area": int(mask.sum()), "iscrowd": int(person.crowd)}
            self._truth.append({"image_id": picture.id, "category_id": 1, **own, **_shape(person.box, mask)})
        for guess in result:
            mask = np.zeros((picture.height, picture.width), bool)
            mask[guess.window] = guess.mask
            entry: dict[str, Any] = {"image_id": picture.id, "category_id": 1, "score": float(guess.score)}
            self._found.append({**entry, **_shape(guess.box, mask)})

    def precision(self, kind: str) -> dict[str, float]:
        """ap, ap50, ap75, ap_small, ap_medium, ap_large by "box" or "mask", at most 100 predictions a picture.

        A figure without anybody to find is nan.
        """
        if not self._found:
            return dict.fromkeys(_FIGURES, 0.0 if self._truth else float("nan"))
        with contextlib.redirect_stdout(io.StringIO()):
            reference = self._coco.COCO()
            reference.dataset = {
                "images": self._pictures,
                "annotations": self._truth,
                "categories": [{"id": 1, "name": "person"}],
            }
            reference.createIndex()
            judge = self._cocoeval.COCOeval(reference, reference.loadRes(self._found), KINDS[kind])
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        figures = zip(_FIGURES, judge.stats[: len(_FIGURES)], strict=True)
        return {name: float(value) if value >= 0 else float("nan") for name, value in figures}


def _shape(box: NDArray[np.floating], mask: NDArray[np.bool_]) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(c) for c in box)
    return {"bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": encode_rle(mask)}
