"""How often networks take a limb for the one of the other side: MoveNet's joints beside a student's parts.

    python -m densepose_mobile.train.engine.sides --weights WEIGHTS \\
        --photos ../shared/assets/coco_mini/person_keypoints.json --photo-images ../shared/assets/coco_mini/images \\
        --net multipose=192 --net multipose=256 --net thunder=256 \\
        --student small=train/recipes/small.safetensors --out results/sides.json

A student stands on MoveNet's heatmaps as they are, so what it can know of sides begins with what they know. People's
boxes are given, and all look at the same crops. A joint of MoveNet is on the wrong side where an annotated elbow,
wrist, knee or ankle lies nearer to its joint of the other side; asked are those that lie near one of the two. Of a
student it is `swap_rate` of the measures (see `sdk/metrics`).
"""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor

from densepose_mobile.atlas import Atlas
from densepose_mobile.cli.main import run_module
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import crop_input, load_image
from densepose_mobile.metrics import TruthPicture, read_coco
from densepose_mobile.metrics.bootstrap import interval, ratio_samples
from densepose_mobile.metrics.keypoints import KEYPOINT_MIRROR, LIMB_KEYPOINTS
from densepose_mobile.postprocess.rois import crop_square
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.dense_labels import file_hash
from densepose_mobile.train.engine.given_boxes import measured_people
from densepose_mobile.train.engine.worth import judge
from densepose_mobile.train.models.keypoints import load_keypoint_net
from densepose_mobile.train.models.weights import load_student

__all__ = ["joint_sides", "swapped_joints"]

_NEAR: Final = 0.15  # of the crop's side
_VISIBLE: Final = 2


def swapped_joints(
    placed: NDArray[np.floating], truth: NDArray[np.floating], side: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which limb joints are asked about, and which of them lie nearer to the other side's prediction: (17,) each.

    placed: (17, 2 or more) x, y. truth: (17, 3) x, y in the same frame, visibility. side: of the crop, in its unit.
    """
    limb = np.isin(np.arange(len(truth)), list(LIMB_KEYPOINTS)) & (truth[:, 2] == _VISIBLE)
    own = np.hypot(*(placed[:, :2] - truth[:, :2]).T)
    other = np.hypot(*(placed[KEYPOINT_MIRROR, :2] - truth[:, :2]).T)
    asked = limb & (np.minimum(own, other) < _NEAR * side)
    return asked, asked & (other < own)


def joint_sides(
    keypoints: Callable[[Tensor], Tensor], size: int, pictures: Sequence[TruthPicture], images: Path
) -> list[tuple[float, float]]:
    """For each picture, limb joints on the wrong side and limb joints that were asked about.

    keypoints: crops (1, 3, size, size) RGB -1..1 -> (1, 17, 3) x, y px of the crop and score, as `KeypointNet`. The
    crops are those that a student looks at.
    """
    spec, sums = ModelSpec(), []
    for picture in pictures:
        rgb, wrong, count = load_image(images / picture.file_name), 0, 0
        for person in measured_people(picture):
            if person.keypoints is None:
                continue
            crop, letterbox = crop_input(rgb, crop_square(person.box[None], spec)[0], size)
            placed = keypoints(torch.from_numpy(crop).permute(0, 3, 1, 2))[0].numpy()
            truth = np.column_stack([letterbox.to_network(person.keypoints[:, :2]), person.keypoints[:, 2]])
            asked, swapped = swapped_joints(placed, truth, size)
            wrong, count = wrong + int(swapped.sum()), count + int(asked.sum())
        sums.append((float(wrong), float(count)))
    return sums


def _row(sums: Sequence[tuple[float, float]]) -> dict[str, float]:
    above, below = np.array(sums).T[..., None]
    if not below.sum():
        raise InputError("no visible limb joint is annotated in these photos; give a COCO file with keypoints")
    (low,), (high,) = interval(ratio_samples(above, below, 0))
    value = above.sum() / below.sum()
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4), "count": int(below.sum())}


def _main(
    photos: Path = typer.Option(..., help="COCO file of annotated photos."),
    photo_images: Path = typer.Option(..., help="Folder of those photos."),
    weights: Path = typer.Option(..., help="Folder with MoveNet's weights, of `data movenet`."),
    net: list[str] = typer.Option(..., help="NAME=SIZE: movenet_NAME.npz on crops of SIZE px. Repeatable."),
    student: list[str] = typer.Option(..., help="NAME=WEIGHTS of a student. Repeatable."),
    out: Path = typer.Option(..., help="JSON file to write."),
) -> None:
    """Measure who takes limbs for those of the other side, and write the table."""
    pictures = read_coco(photos).pictures
    rows: dict[str, Any] = {}
    for entry in net:
        name, _, size = entry.partition("=")
        if not size.isdigit() or int(size) % 32 or not int(size):
            raise InputError(f"--net {entry}: give it as NAME=SIZE, SIZE a multiple of 32 from 32 on")
        file = weights / f"movenet_{name}.npz"
        sums = joint_sides(load_keypoint_net(file), int(size), pictures, photo_images)
        rows[f"{name}_{size}"] = {"sha256": file_hash(file), "swap_rate": _row(sums)}
    for entry in student:
        name, _, place = entry.partition("=")
        if not place:
            raise InputError(f"--student {entry}: give it as NAME=WEIGHTS")
        judged = judge(load_student(Path(place))[0], pictures, photo_images, Atlas.load(), finds=False)
        sums = [score.sums.get("swap_rate", (0.0, 0.0)) for score in judged]
        rows[name] = {"sha256": file_hash(Path(place)), "swap_rate": _row(sums)}
    command = shlex.join(["python", "-m", "densepose_mobile.train.engine.sides", *sys.argv[1:]])
    write_results(out, {**header(command), "photos": len(pictures), "networks": rows})
    typer.echo(out.read_text())


if __name__ == "__main__":
    run_module(_main)
