"""`densepose-mobile distill`: train a student from a teacher, on rendered people and on photos."""

from pathlib import Path

import typer

from densepose_mobile.train.engine.command import mixed_photos
from densepose_mobile.train.engine.recipe import load_recipe, with_steps
from densepose_mobile.train.engine.trainer import RunPaths, train

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command()
def run(
    recipe: Path = typer.Argument(help="Recipe (YAML) with a section `distillation`."),
    teacher: Path = typer.Option(help="Weights (safetensors) of the teacher, or of another student."),
    out: Path = typer.Option(help="Folder of the run: checkpoints, logs, pictures."),
    data: Path | None = typer.Option(
        None, help="Folder of training shards, or of folders of them; it may grow while training."
    ),
    photos: Path | None = typer.Option(
        None, help="COCO person file of photos, annotated by hand or by `data pseudo`; needs --photo-images."
    ),
    photo_images: Path | None = typer.Option(None, help="Folder of those photos."),
    photo_dense: Path | None = typer.Option(None, help="Folder of their dense labels, where there are some."),
    val: Path | None = typer.Option(None, help="Folder of held-out shards, for figures while training."),
    resume: bool = typer.Option(False, "--resume", help="Go on from OUT/last.ckpt."),
    init: Path | None = typer.Option(None, help="Student weights (safetensors) to start from."),
    max_steps: int | None = typer.Option(None, help="Instead of the recipe's."),
    cooldown_steps: int | None = typer.Option(None, help="Let the rate fall to zero over the last steps."),
    assets: Path | None = typer.Option(None, help="Asset folder; default $DENSEPOSE_MOBILE_ASSETS."),
) -> None:
    """Train a student from a frozen teacher, beside what rendered and annotated people teach it."""
    plan = with_steps(load_recipe(recipe), max_steps, cooldown_steps)
    mixed = mixed_photos(photos, photo_images, photo_dense)
    train(plan, RunPaths(data, out, val, assets, init, mixed, teacher=teacher), resume)
