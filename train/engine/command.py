"""`densepose-mobile train`: train a student or a teacher on rendered shards, on annotated photos, or on both."""

from pathlib import Path

import typer

from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.engine.recipe import load_recipe, with_steps
from densepose_mobile.train.engine.trainer import RunPaths, train

__all__ = ["app", "mixed_photos"]

app = typer.Typer(add_completion=False)


@app.command()
def run(
    recipe: Path = typer.Argument(help="Recipe (YAML)."),
    out: Path = typer.Option(help="Folder of the run: checkpoints, logs, pictures."),
    data: Path | None = typer.Option(
        None, help="Folder of training shards, or of folders of them; it may grow while training."
    ),
    val: Path | None = typer.Option(None, help="Folder of held-out shards, for figures while training."),
    photos: Path | None = typer.Option(
        None,
        help="COCO or DensePose-COCO person file whose photos are mixed in, or all there is without --data; needs "
        "--photo-images.",
    ),
    photo_images: Path | None = typer.Option(None, help="Folder of those photos."),
    photo_dense: Path | None = typer.Option(
        None, help="Folder of their dense labels, of `data inpaint` or `data export --dense`."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on from OUT/last.ckpt."),
    init: Path | None = typer.Option(None, help="Weights of such a network (safetensors) to start from."),
    backbone: Path | None = typer.Option(
        None,
        help="Pretrained backbone: MoveNet's weights (default: those of the assets), or torchvision's of a ResNet.",
    ),
    max_steps: int | None = typer.Option(None, help="Instead of the recipe's."),
    cooldown_steps: int | None = typer.Option(None, help="Let the rate fall to zero over the last steps."),
    assets: Path | None = typer.Option(None, help="Asset folder; default $DENSEPOSE_MOBILE_ASSETS."),
) -> None:
    """Train a student, or a teacher as the recipe's `task` says: people and their dense maps together.

    On several GPUs, or in several processes: `torchrun --nproc-per-node N -m densepose_mobile train ...`
    """
    plan = with_steps(load_recipe(recipe), max_steps, cooldown_steps)
    mixed = mixed_photos(photos, photo_images, photo_dense)
    train(plan, RunPaths(data, out, val, assets, init, mixed, backbone), resume)


def mixed_photos(photos: Path | None, images: Path | None, dense: Path | None) -> AnnotatedPhotos | None:
    """What --photos, --photo-images and --photo-dense name. Raises typer.BadParameter for one without the others."""
    if (photos is None) != (images is None):
        raise typer.BadParameter("annotated photos need both --photos and --photo-images")
    if photos is None and dense is not None:
        raise typer.BadParameter("--photo-dense are the labels of --photos FILE; give that too")
    return None if photos is None or images is None else AnnotatedPhotos(photos, images, dense)
