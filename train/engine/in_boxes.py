"""Dense maps of networks beside each other, people's boxes given: teachers and students, whoever finds people or not.

    python -m densepose_mobile.train.engine.in_boxes \\
        --network small=train/recipes/small.safetensors --network teacher=runs/teacher/teacher.safetensors \\
        --photos ../shared/assets/coco_mini/person_keypoints.json --photo-images ../shared/assets/coco_mini/images \\
        --synthetic runs/eval/synthetic/annotations.json --synthetic-images runs/eval/synthetic/images \\
        --limit 400 --out results/in_boxes.json

A difference is that to the network that is named first, paired by picture.
"""

import shlex
import sys
from pathlib import Path
from typing import Any

import typer

from densepose_mobile.atlas import Atlas
from densepose_mobile.cli.main import run_module
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.metrics import read_coco
from densepose_mobile.train.data.dense_labels import file_hash
from densepose_mobile.train.engine.contenders import named_entries
from densepose_mobile.train.engine.teachers import load_network
from densepose_mobile.train.engine.worth import judge, table

__all__ = ["main"]


def main(
    network: list[str] = typer.Option(..., help="NAME=WEIGHTS of a student or a teacher. Repeatable."),
    photos: Path = typer.Option(..., help="COCO file of annotated photos that no network was trained on."),
    photo_images: Path = typer.Option(..., help="Folder of those photos."),
    synthetic: Path = typer.Option(..., help="COCO file of held-out rendered people."),
    synthetic_images: Path = typer.Option(..., help="Folder of their pictures."),
    out: Path = typer.Option(..., help="JSON file to write."),
    subset: str | None = typer.Option(None, help='Only the photos of one split, such as "val2017".'),
    limit: int = typer.Option(400, min=1, help="Only the first pictures of the rendered people."),
) -> None:
    """Measure every network in the same boxes, and write the table."""
    files = {name: Path(place) for name, place in named_entries(network, "NAME=WEIGHTS").items()}
    networks = {name: load_network(file) for name, file in files.items()}
    atlas = Atlas.load()
    truths = {
        "photos": (read_coco(photos, subset=subset).pictures, photo_images),
        "synthetic": (read_coco(synthetic).pictures[:limit], synthetic_images),
    }
    content: dict[str, Any] = {"networks": {name: {"sha256": file_hash(file)} for name, file in files.items()}}
    for kind, (pictures, images) in truths.items():
        scores = {name: judge(own, pictures, images, atlas, finds=False) for name, own in networks.items()}
        content[kind] = {"pictures": len(pictures), "measures": table(scores)}
    command = shlex.join(["python", "-m", "densepose_mobile.train.engine.in_boxes", *sys.argv[1:]])
    write_results(out, {**header(command), **content})
    typer.echo(out.read_text())


if __name__ == "__main__":
    run_module(main)
