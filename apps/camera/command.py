"""`densepose-mobile camera`: the live demo in a window."""

import re
from pathlib import Path

import typer

from densepose_mobile.apps.camera.android import stage
from densepose_mobile.apps.camera.display import prepare_kivy, require_display
from densepose_mobile.apps.camera.live import LiveMode
from densepose_mobile.apps.camera.sources import choice_for
from densepose_mobile.apps.camera.state import Settings
from densepose_mobile.bundle import DEFAULT_BUNDLE
from densepose_mobile.cli.outputs import ENCODED_SUFFIXES
from densepose_mobile.cli.predict import parse_styles
from densepose_mobile.draw import DEFAULT_STYLES, STYLES

__all__ = ["app"]

app = typer.Typer()

_SIZE = re.compile(r"(\d+)x(\d+)")


@app.command()
def camera(
    source: str = typer.Argument("people", help="camera, a camera's number, a video, a picture, a folder, or people."),
    model: str = typer.Option(DEFAULT_BUNDLE, "--model", "-m", help="A bundle: path, or the name of a shipped one."),
    backend: str = typer.Option("auto", "--backend", "-b", help="Runtime, as `densepose-mobile info` lists them."),
    mode: LiveMode = typer.Option("video", "--mode", help="Follow people, or take each frame for itself."),
    styles: str = typer.Option(
        ",".join(DEFAULT_STYLES), "--draw", help=f"What to paint at first: any of {','.join(STYLES)}, or none."
    ),
    threads: int = typer.Option(2, "--threads", min=1, help="Threads of the runtime."),
    out: Path = typer.Option(Path("snapshots"), "--out", "-o", help="Folder of the snapshots."),
    size: str = typer.Option("1180x760", "--size", help="Of the window, px."),
    screenshot: Path | None = typer.Option(
        None, "--screenshot", help="Draw in memory, write the window to this PNG or JPEG and leave."
    ),
    stage_android: Path | None = typer.Option(
        None, "--stage-android", help="Write an Android project with this model there and leave."
    ),
) -> None:
    """Body parts and surface coordinates live on screen.

    All of it can be changed in the window. Dropping a video, a picture or a folder on the window shows it.
    """
    if stage_android is not None:
        typer.echo(stage(stage_android, model))
        return
    settings = Settings(choice_for(source), model, backend, mode, parse_styles(styles), threads, out)
    fits = _SIZE.fullmatch(size)
    if fits is None:
        raise typer.BadParameter(f"{size!r} is not WIDTHxHEIGHT", param_hint="--size")
    if screenshot is None:
        require_display()
    elif screenshot.suffix.lower() not in ENCODED_SUFFIXES:
        kinds = ", ".join(ENCODED_SUFFIXES)
        raise typer.BadParameter(f"{screenshot} ends in none of {kinds}", param_hint="--screenshot")
    prepare_kivy(offscreen=screenshot is not None)
    from densepose_mobile.apps.camera.view import run

    run(settings, (int(fits[1]), int(fits[2])), screenshot)
