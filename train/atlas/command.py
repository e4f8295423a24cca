"""`densepose-mobile atlas`: build the body atlas and look at it."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from densepose_mobile.atlas import Atlas
from densepose_mobile.train.atlas.build import atlas_arrays, build_charts
from densepose_mobile.train.atlas.pictures import draw_body, draw_charts, write_picture
from densepose_mobile.train.atlas.report import report, write_report
from densepose_mobile.train.atlas.template import template_mesh
from densepose_mobile.train.atlas.write import write_atlas
from densepose_mobile.train.cache import cache_folder

__all__ = ["app"]

logger = logging.getLogger(__name__)

app = typer.Typer(no_args_is_help=True, help="Build and inspect the body atlas.")


@app.callback()
def _atlas() -> None:
    """Build and inspect the body atlas."""


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="The atlas file to write.")] = Path("atlas.npz"),
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for atlas.json, atlas_body.png and atlas_charts.png.")
    ] = None,
    nodes: Annotated[int, typer.Option(min=200, max=4000, help="Vertices that carry geodesic distances.")] = 2000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that measure geodesics.")] = 2,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for the template and finished geodesics; by default the user's.")
    ] = None,
) -> None:
    """Cut the template body into 24 charts, unwrap them and measure geodesic distances; about ten minutes once."""
    folder = cache or cache_folder()
    template = template_mesh(cache)
    charts = build_charts(template)
    columns = (TextColumn("geodesics"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("geodesics", total=None)
        arrays, left = atlas_arrays(
            template, charts, nodes, folder, workers, lambda done, total: bar.update(task, completed=done, total=total)
        )
    write_atlas(out, arrays, left)
    atlas = Atlas.load(out)
    logger.info("atlas %s written to %s", atlas.id, out)
    if pictures is not None:
        write_picture(pictures / "atlas_body.png", draw_body(atlas))
        write_picture(pictures / "atlas_charts.png", draw_charts(atlas))
        write_report(pictures / "atlas.json", report(atlas, charts))
    typer.echo(f"{out} {atlas.id}")
