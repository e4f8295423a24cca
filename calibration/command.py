"""`densepose-mobile calibrate`: choose the pictures that a quantised model is calibrated on."""

import json
from pathlib import Path

import typer

from densepose_mobile.calibration.dataset import write_calibration_set
from densepose_mobile.calibration.pictures import PictureSources

__all__ = ["app"]

app = typer.Typer()


@app.command()
def calibrate(
    sources: list[Path] = typer.Argument(..., help="Training pictures: folders, files, .tar shards; never eval-only."),
    out: Path = typer.Option(..., help="Folder of the calibration set."),
    count: int = typer.Option(256, min=1, help="Pictures to choose."),
    seed: int = typer.Option(0, min=0, help="Seed of the choice."),
    limit: int = typer.Option(2000, min=1, help="Candidates from each source, its first ones."),
) -> None:
    """Choose varied calibration pictures and write them with a manifest; prints what was chosen as JSON."""
    chosen = write_calibration_set(PictureSources(tuple(sources), limit=limit), out, count, seed)
    typer.echo(json.dumps(chosen.provenance(), indent=1))
