"""How true pseudo-labels are: against the same photos annotated by hand.

    python -m densepose_mobile.train.engine.pseudo_check --out results/pseudo_labels.json \\
        --file photos_train=runs/pseudo/photos_train.json:train/recipes/photos_train.json

People are matched as everywhere (see `sdk/metrics`); people with a box of no more than 96² px are not asked about. Of a
pseudo file that leaves photos out, those photos count as without anybody.
"""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer
from numpy.typing import NDArray

from densepose_mobile.cli.main import run_module
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.errors import InputError
from densepose_mobile.metrics import EvaluationOptions, TruthPerson, TruthPicture, read_coco
from densepose_mobile.metrics.bootstrap import interval, ratio_samples
from densepose_mobile.metrics.keypoints import KEYPOINT_MIRROR
from densepose_mobile.metrics.matching import covered_by, match_boxes
from densepose_mobile.train.data.dense_labels import file_hash

__all__ = ["check_pseudo_labels", "keypoint_similarity"]

_SPREAD: Final = np.array(
    [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087,
     0.089, 0.089]
)  # fmt: skip
"""COCO's standard deviation of each keypoint, as a share of the root of the person's area."""

_NEAR: Final = 0.1  # of the longer side of the person's box
_CROWD: Final = 0.5  # share of a box in a crowd from which on it is neither right nor wrong
_VISIBLE: Final = 2

_MEASURES: Final = (
    "recall", "false_positives", "mask_iou", "mask_iou_found", "oks", "joints_near", "sure", "sure_near", "sure_seen",
    "sure_swapped",
)  # fmt: skip


def keypoint_similarity(placed: NDArray[np.floating], truth: NDArray[np.floating], area: float) -> NDArray[np.float64]:
    """Object keypoint similarity of each keypoint, 0..1: COCO's exp(-d² / (2 area (2 sigma)²)).

    placed, truth: (17, 2 or more) x, y px. area: px² of the person's mask.
    """
    square = np.square(np.asarray(placed, np.float64)[:, :2] - truth[:, :2]).sum(1)
    return np.asarray(np.exp(-square / (2 * max(area, 1.0) * np.square(2 * _SPREAD))))


def check_pseudo_labels(pseudo: Sequence[TruthPicture], truth: Sequence[TruthPicture]) -> dict[str, Any]:
    """Measures by name: value, low, high (95 % bootstrap interval by photo), count.

    Of people: recall; false_positives a photo; mask_iou (0 where missed), mask_iou_found. Of the visible joints of
    found people: oks; joints_near, within a tenth of the box; sure, which the pseudo-labels call visible; of those
    sure_near, and sure_swapped, nearer to the other side's joint. sure_seen: of all sure joints, those that the hand
    saw too.
    """
    by_name = {picture.file_name: picture for picture in pseudo}
    sums = np.array([_sums(by_name.get(picture.file_name), picture) for picture in truth])
    above, below = sums[:, :, 0], sums[:, :, 1]
    low, high = interval(ratio_samples(above, below, 0))
    return {
        name: {
            "value": round(float(above[:, i].sum() / below[:, i].sum()), 4),
            "low": round(float(low[i]), 4),
            "high": round(float(high[i]), 4),
            "count": int(below[:, i].sum()),
        }
        for i, name in enumerate(_MEASURES)
        if below[:, i].sum()
    }


def _sums(pseudo: TruthPicture | None, truth: TruthPicture) -> NDArray[np.float64]:
    """(measures, 2) numerator and denominator of one photo."""
    total = {name: np.zeros(2) for name in _MEASURES}
    guesses = [person for person in pseudo.people if not person.crowd] if pseudo is not None else []
    people = [person for person in truth.people if not person.crowd]
    pairs = match_boxes(_boxes(guesses), _boxes(people))
    for person, row in zip(people, pairs, strict=True):
        if person.box_area <= EvaluationOptions().min_box_area:
            continue
        found = row >= 0
        total["recall"] += found, 1
        total["mask_iou"] += 0, 1
        if not found:
            continue
        guess = guesses[row]
        mask, drawn = person.mask, guess.mask
        iou = float((mask & drawn).sum() / max(int((mask | drawn).sum()), 1))
        total["mask_iou"] += iou, 0
        total["mask_iou_found"] += iou, 1
        if person.keypoints is not None and guess.keypoints is not None:
            for name, pair in _joint_sums(guess.keypoints, person, int(mask.sum())).items():
                total[name] += pair
    crowds = _boxes([person for person in truth.people if person.crowd])
    alone = covered_by(_boxes(guesses), crowds).max(1, initial=0) < _CROWD
    unmatched = np.setdiff1d(np.flatnonzero(alone), pairs)
    total["false_positives"] += len(unmatched), 1
    return np.stack([total[name] for name in _MEASURES])


def _joint_sums(guess: NDArray[np.float32], person: TruthPerson, area: int) -> dict[str, tuple[float, float]]:
    true = person.keypoints
    assert true is not None
    seen, sure = true[:, 2] == _VISIBLE, guess[:, 2] == _VISIBLE
    side = float((person.box[2:] - person.box[:2]).max())
    distance = np.hypot(*(guess[:, :2] - true[:, :2]).T) / side
    other = true[KEYPOINT_MIRROR]
    asked = sure & seen & (other[:, 2] == _VISIBLE) & (np.arange(len(true)) != KEYPOINT_MIRROR)
    swapped = asked & (np.hypot(*(guess[:, :2] - other[:, :2]).T) / side < distance)
    both = sure & seen
    sums: dict[str, tuple[float, float]] = {
        "joints_near": (float((distance[seen] < _NEAR).sum()), float(seen.sum())),
        "sure": (float(both.sum()), float(seen.sum())),
        "sure_near": (float((distance[both] < _NEAR).sum()), float(both.sum())),
        "sure_seen": (float(both.sum()), float(sure.sum())),
        "sure_swapped": (float(swapped.sum()), float(asked.sum())),
    }
    if seen.any():
        sums["oks"] = float(keypoint_similarity(guess, true, area)[seen].mean()), 1.0
    return sums


def _boxes(people: Sequence[TruthPerson]) -> NDArray[np.float32]:
    return np.array([person.box for person in people], np.float32).reshape(-1, 4)


def _main(
    file: list[str] = typer.Option(
        ..., help="NAME=PSEUDO:TRUTH, two COCO person files of the same photos. Repeatable."
    ),
    out: Path = typer.Option(..., help="JSON file to write."),
    note: str = typer.Option("", help="What a reader must know of these figures."),
) -> None:
    """Measure pseudo-labels against annotations by hand."""
    content: dict[str, Any] = {"note": note} if note else {}
    for entry in file:
        name, _, places = entry.partition("=")
        pair = places.split(":")
        if len(pair) != 2 or not all(pair):
            raise InputError(f"--file {entry}: give it as NAME=PSEUDO:TRUTH")
        made, drawn = Path(pair[0]), Path(pair[1])
        pseudo, truth = read_coco(made).pictures, read_coco(drawn).pictures
        info = json.loads(made.read_text()).get("info", {})
        known = {picture.file_name for picture in truth}
        elsewhere = [picture for picture in pseudo if picture.file_name not in known]
        content[name] = {
            "photos": len(truth),
            "elsewhere": sum(not person.crowd for picture in elsewhere for person in picture.people),
            "labelled": info.get("photos"),
            "truth": {"file": drawn.name, "sha256": file_hash(drawn)},
            "made_by": {key: info.get(key) for key in ("models", "plan")},
            "measures": check_pseudo_labels(pseudo, truth),
        }
    command = shlex.join(["python", "-m", "densepose_mobile.train.engine.pseudo_check", *sys.argv[1:]])
    write_results(out, {**header(command), **content})
    typer.echo(out.read_text())


if __name__ == "__main__":
    run_module(_main)
