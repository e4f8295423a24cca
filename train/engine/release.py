"""The weights of a run in the form that is committed: float16, with what they were made of.

    python -m densepose_mobile.train.engine.release runs/small/student.safetensors --data runs/data/train \\
        --photos train/recipes/photos_train.json --out train/recipes/small.safetensors
"""

import hashlib
import logging
import math
from pathlib import Path
from typing import Any

import torch
import typer

from densepose_mobile.cli.main import run_module
from densepose_mobile.errors import InputError
from densepose_mobile.metrics import read_coco
from densepose_mobile.options import Options
from densepose_mobile.train.data.shards import MANIFEST_NAME, read_manifest
from densepose_mobile.train.models.storage import read_header
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import load_student, save_student

__all__ = ["describe_photos", "describe_renders", "keep_pretrained", "place_least_score", "release"]

_log = logging.getLogger(__name__)


def describe_renders(data: Path) -> list[dict[str, Any]]:
    """Seed, split, size, surface set and number of pictures of every folder of shards under `data`."""
    folders = sorted(path.parent for path in data.rglob(MANIFEST_NAME))
    if not folders:
        raise InputError(f"{data} holds no rendered shards; give the folder that the run was trained on")
    renders = []
    for folder in folders:
        manifest = read_manifest(folder)
        ends = [path.stem.split("-")[1:3] for path in folder.glob("pictures-*.tar")]
        renders.append(
            {
                "seed": manifest.seed,
                "split": manifest.split,
                "size": manifest.size,
                **({"without": manifest.without} if manifest.without else {}),
                "surfaces": manifest.surfaces,
                "pictures": sum(int(end) - int(first) for first, end in ends),
            }
        )
    return renders


def describe_photos(annotations: Path) -> dict[str, Any]:
    """Name, sha256 and content of a file of annotated photos."""
    pictures = read_coco(annotations).pictures
    return {
        "annotations": annotations.name,
        "sha256": hashlib.sha256(annotations.read_bytes()).hexdigest(),
        "pictures": len(pictures),
        "people": sum(not person.crowd for picture in pictures for person in picture.people),
    }


def keep_pretrained(student: Student, pretrained: Path, share: float) -> None:
    """Average the detector's weights with the pretrained ones that it began with, in place.

    share: 0..1, of the pretrained weights. Between the two lie detectors that rank people better than either: the
    fine-tuned one knows what we want of a box, the pretrained one has seen more people (Wortsman et al., Robust
    fine-tuning of zero-shot models, CVPR 2022).

    Raises InputError for another share, AssetError for a file that the student cannot begin from.
    """
    if not 0 <= share <= 1:
        raise InputError(f"the pretrained share is {share}; give a number from 0 to 1")
    begun = Student(student.spec, student.head_width)
    begun.load_pretrained(pretrained)
    with torch.no_grad():
        for ours, theirs in zip(student.detector.parameters(), begun.detector.parameters(), strict=True):
            ours.lerp_(theirs, share)


def place_least_score(student: Student, score: float) -> None:
    """Move the detector's scores so that those of `score` become the default least score of a person, in place.

    Raises InputError for a score that is not between 0 and 1.
    """
    if not 0 < score < 1:
        raise InputError(f"the least score is {score}; give a number between 0 and 1")
    student.detector.shift_score(_logit(Options().score) - _logit(score))


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def release(
    student: Path,
    out: Path,
    data: Path,
    init: Path | None = None,
    photos: Path | None = None,
    pretrained: Path | None = None,
    pretrained_share: float = 0.5,
    least_score: float | None = None,
) -> None:
    """Write `out` in float16. init: the weights that the run began with; what they say of themselves is kept.

    photos: COCO file of the annotated photos that were mixed in.
    pretrained, pretrained_share: see `keep_pretrained`. least_score: see `place_least_score`, of which it is told what
    the averaged detector gives.

    Raises AssetError for what is no student, InputError for a folder without shards or a file that is no COCO file.
    """
    weights, header = load_student(student)
    header = {key: value for key, value in header.items() if key not in ("spec", "head_width")}
    if pretrained is not None:
        keep_pretrained(weights, pretrained, pretrained_share)
        header["detector"] = {"pretrained": pretrained.name, "share": pretrained_share}
    if least_score is not None:
        place_least_score(weights, least_score)
        header["detector"] = {**header.get("detector", {}), "least_score": least_score}
    header["data"] = {**header["data"], "renders": describe_renders(data)}
    if photos is not None:
        header["data"]["photos"] = describe_photos(photos)
    if init is not None:
        begun = read_header(init, "student")  # its network may have been another one
        header["init"] = {key: value for key, value in begun.items() if key not in ("spec", "head_width", "recipe")}
    save_student(out, weights, header, half=True)
    _log.info("%s, %.2f MB", out, out.stat().st_size / 1e6)


def _main(
    student: Path = typer.Argument(..., help="Student weights of a run, a .safetensors file."),
    out: Path = typer.Option(..., help="File to write."),
    data: Path = typer.Option(..., help="Folder of the shards that the run was trained on."),
    init: Path | None = typer.Option(None, help="The weights that the run began with."),
    photos: Path | None = typer.Option(None, help="The annotated photos that were mixed in, as given to `train`."),
    pretrained: Path | None = typer.Option(None, help="MoveNet's file, whose detector is averaged with the run's."),
    pretrained_share: float = typer.Option(0.5, help="Its share in the average, 0 to 1."),
    least_score: float | None = typer.Option(None, help="Score that becomes the least one of a person by default."),
) -> None:
    """Write the weights of a run in float16, with what they were made of."""
    release(student, out, data, init, photos, pretrained, pretrained_share, least_score)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    run_module(_main)
