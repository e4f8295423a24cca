"""Figures and prediction pictures on real photos while training. Nothing here carries a gradient.

Of the evaluation photos only those of COCO train2017 are used: the val2017 ones are kept for reports.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw import draw
from densepose_mobile.errors import AssetError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import TruthPicture, read_coco, score_picture, summarise
from densepose_mobile.metrics.similarity import Geodesics
from densepose_mobile.options import Options
from densepose_mobile.results import DensePoseResult
from densepose_mobile.train.engine.evaluation import Findings
from densepose_mobile.train.engine.given_boxes import look_at, true_boxes
from densepose_mobile.train.engine.predicting import network_predictor
from densepose_mobile.train.models.graphs import GraphNetwork

__all__ = ["RealPhotos"]

_MEASURES: Final = (
    "recall",
    "false_positives",
    "mask_iou",
    "mask_iou_found",
    "keypoint_agreement",
    "limb_agreement",
    "swap_rate",
    "keypoint_gps",
)
_TILE: Final = 320  # px
_COLUMNS: Final = 4


class RealPhotos:
    """Examiner: COCO train2017 photos measured, some of them and some unlabelled ones painted.

    given_boxes: look at crops around the true boxes, as of a network that finds nobody; then no unlabelled photos.
    """

    def __init__(
        self,
        assets: Path,
        out: Path,
        atlas: Geodesics | None,
        pictures: int,
        shown: int,
        given_boxes: bool = False,
    ) -> None:
        folder = assets / "coco_mini"
        if not folder.is_dir():
            raise AssetError(f"{folder} is missing: real-photo figures need it; set evaluation.real_pictures to 0")
        truth = read_coco(folder / "instances_person.json", folder / "person_keypoints.json", "train2017").pictures
        self._folder = folder / "images"
        self._truth = truth[:pictures]
        self._atlas = atlas
        self._out = out
        by_size = sorted(self._truth, key=_largest_person)  # close-ups come last, the smallest people first
        step = max(len(by_size) // max(shown // 2, 1), 1)
        self._shown = {picture.file_name for picture in by_size[step // 2 :: step][: shown // 2]}
        self._unlabelled = [] if given_boxes else _whole_body_photos(assets / "photos_train", shown - len(self._shown))
        self._given_boxes = given_boxes

    def __call__(self, network: GraphNetwork, step: int) -> Findings:
        """Predict, measure, and write the sheet also to `pictures/step_N.png`."""
        predict = network_predictor(network, Options()).predict
        scores, tiles = [], []
        for picture in self._truth:
            rgb = load_image(self._folder / picture.file_name)
            result = look_at(network, rgb, true_boxes(picture)) if self._given_boxes else predict(rgb)
            scores.append(score_picture(result, picture, self._atlas))
            if picture.file_name in self._shown:
                tiles.append(_tile(rgb, result))
        for path in self._unlabelled:
            rgb = load_image(path)
            tiles.append(_tile(rgb, predict(rgb)))
        sheet = _sheet(tiles) if tiles else None
        if sheet is not None:
            self._write(sheet, step)
        report = summarise(scores, resamples=100)
        return Findings({name: report[name].value for name in _MEASURES if name in report.measures}, sheet)

    def _write(self, sheet: NDArray[np.uint8], step: int) -> None:
        folder = self._out / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode(".png", sheet[..., ::-1])
        if done:
            (folder / f"step_{step:07d}.png").write_bytes(data.tobytes())


def _sheet(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    rows = -(-len(tiles) // _COLUMNS)
    sheet = np.full((rows * _TILE, _COLUMNS * _TILE, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // _COLUMNS * _TILE, i % _COLUMNS * _TILE
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return sheet


def _largest_person(picture: TruthPicture) -> float:
    return max((person.box_area for person in picture.people if not person.crowd), default=0.0)


def _whole_body_photos(folder: Path, count: int) -> list[Path]:
    table = folder / "photos.csv"
    if count <= 0 or not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["kind"] == "A" and row["whole_body"] == "y"]
    return [folder / name for name in names[:: max(len(names) // count, 1)][:count]]


def _tile(rgb: NDArray[np.uint8], result: DensePoseResult) -> NDArray[np.uint8]:
    painted = draw(rgb, result, ("parts", "contour", "boxes"))
    scale = _TILE / max(painted.shape[:2])
    size = (max(round(painted.shape[1] * scale), 1), max(round(painted.shape[0] * scale), 1))
    return np.asarray(cv2.resize(painted, size, interpolation=cv2.INTER_AREA), np.uint8)
