"""`densepose-mobile bundle`: a bundle's plain files for an app, and the golden vectors of the host steps."""

from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from densepose_mobile.bundle import Bundle
from densepose_mobile.export import PLATFORMS, export_bundle, write_vectors
from densepose_mobile.export.mobile import PlatformName

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Plain files of a bundle, for apps. `info` tells what a bundle holds.")


@app.command()
def export(
    model: str = typer.Argument(..., metavar="BUNDLE", help="A bundle: path, or the name of a shipped one."),
    to: PlatformName = typer.Option(..., help="What the app runs on."),
    out: Path = typer.Option(..., help="Folder to write; it must not exist, or be empty."),
) -> None:
    """Write a bundle's graphs, model.json, the host steps in Kotlin or Swift, and their golden vectors.

    The folder appears when all of it is written, and is printed.
    """
    bundle = Bundle.open(model)
    folder = export_bundle(bundle, to, out)
    about, language = bundle.manifest, PLATFORMS[to].language
    told = (
        f"{about.name} {about.version}, {about.target}: model/, vectors/, host/ in {language} (begin with its README)"
    )
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(told))
    typer.echo(folder)


@app.command()
def vectors(out: Path = typer.Option(..., help="Folder to write into; files of the same names are replaced.")) -> None:
    """Write the golden vectors of the host steps, for an implementation in any language.

    Prints the files.
    """
    for path in write_vectors(out):
        typer.echo(path)
