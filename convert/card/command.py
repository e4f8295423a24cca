"""`densepose-mobile card`: a released model's card, made again whenever its figures change."""

from pathlib import Path

import typer

from densepose_mobile.cli.outputs import prepare_folder, write_atomically
from densepose_mobile.convert.card.page import model_card
from densepose_mobile.convert.card.sources import CardBundle, Sources

__all__ = ["app"]

app = typer.Typer()


@app.command()
def card(
    bundles: list[str] = typer.Argument(..., help="Bundles of one model, paths or shipped names; the main one first."),
    out: Path | None = typer.Option(None, "--out", "-o", help="Card to write; docs/models/NAME.md if none."),
    results: Path = typer.Option(Path("results"), help="Folder of the results files."),
    notes: Path | None = typer.Option(None, help="What is written by hand; NAME.notes.md beside the card if none."),
    sheet: Path = typer.Option(Path("docs/data_sheet.md"), help="Data sheet of the rendered people."),
    recipes: Path = typer.Option(Path("train/recipes"), help="Folder of the training recipes."),
) -> None:
    """Write a model card from bundles and results files, at the repository's root. Prints its path.

    A section whose figures were not measured for the first bundle is left out; the card says what would make them.
    """
    opened = [CardBundle.open(bundle) for bundle in bundles]
    path = out or Path("docs/models") / f"{opened[0].manifest.name}.md"
    sources = Sources(opened, results, path, Path())
    text = model_card(sources, notes or path.with_suffix(".notes.md"), sheet, recipes)
    prepare_folder(path.parent)
    typer.echo(write_atomically(path, text.encode()))
