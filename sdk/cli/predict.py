"""`densepose-mobile predict`: people in pictures and videos, as files beside each other and as JSON lines."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from densepose_mobile import DensePose, Options
from densepose_mobile.bundle import DEFAULT_BUNDLE
from densepose_mobile.cli.inputs import Job, expand
from densepose_mobile.cli.outputs import people, prepare_folder, write_result
from densepose_mobile.cli.video import predict_video
from densepose_mobile.draw import DEFAULT_STYLES, STYLES
from densepose_mobile.errors import DensePoseError, InputError, OutputError
from densepose_mobile.imaging import load_image
from densepose_mobile.predictor import Mode
from densepose_mobile.results import DensePoseResult

__all__ = ["Outcome", "app", "clean_errors", "load_model", "parse_styles", "predict_picture"]

app = typer.Typer()


@app.command()
def predict(
    inputs: list[Path] = typer.Argument(..., metavar="INPUT", help="Pictures, videos, or folders of them."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for STEM.iuv.png, STEM.overlay.jpg and STEM.json."),
    model: str = typer.Option(DEFAULT_BUNDLE, "--model", "-m", help="A bundle: path, or the name of a shipped one."),
    backend: str = typer.Option("auto", "--backend", "-b", help="Runtime, as `densepose-mobile info` lists them."),
    mode: Mode | None = typer.Option(
        None,
        "--mode",
        help="How much time to spend on a picture (default: balanced). A video follows people unless a mode is given, "
        "which predicts every frame by itself, without track numbers.",
    ),
    styles: str = typer.Option(
        ",".join(DEFAULT_STYLES), "--draw", help=f"What the overlay shows: any of {','.join(STYLES)}, or none."
    ),
    legend: bool = typer.Option(False, "--legend", help="Explain the part colours beside the overlay."),
    score: float = typer.Option(Options.score, "--score", min=0.0, max=1.0, help="Least score of a person."),
    max_people: int = typer.Option(20, "--max-people", min=1, help="Most people in a picture, best first."),
    threads: int = typer.Option(2, "--threads", min=1, help="Threads of the runtime."),
    as_json: bool = typer.Option(False, "--json", help="Also print one line of JSON a picture on stdout."),
) -> None:
    """Body parts and surface coordinates of the people in pictures and videos.

    For each picture, STEM.iuv.png holds part, 255 U and 255 V as the R, G and B of each pixel, STEM.overlay.jpg shows
    it, and STEM.json lists the people. A video gives STEM.overlay.mp4 and STEM.json; people are followed through it,
    and the same person has the same track number in every frame, unless --mode is given. Inputs of the same stem get
    -2, -3, ... Inputs that fail are named and the others go on.
    """
    wanted = parse_styles(styles)
    console = Console(stderr=True, highlight=False)
    prepare_folder(out)
    jobs = expand(inputs)
    predictor = load_model(model, backend, Options(score=score, max_people=max_people, threads=threads))
    failed = 0
    with _progress(console) as bar:
        task = bar.add_task("", total=len(jobs))
        for job in jobs:
            bar.update(task, description=job.path.name)
            try:
                if job.error:
                    raise job.error
                with clean_errors(job.path):
                    if job.is_video:
                        frames = bar.add_task(f"  {job.path.name}", total=None)
                        line = _print_json if as_json else None
                        advance = partial(_advance, bar, frames)
                        try:
                            note = predict_video(
                                predictor, job, out, mode, wanted, legend=legend, line=line, advance=advance
                            )
                        finally:
                            bar.remove_task(frames)
                    else:
                        outcome = predict_picture(predictor, job, out, mode or "balanced", wanted, legend=legend)
                        note = str(outcome)
                        if as_json:
                            _print_json(outcome.record)
                bar.console.print(Text(f"{job.path}: {note}"), soft_wrap=True)
            except OutputError:
                raise  # the next input would meet the same disk
            except DensePoseError as error:
                failed += 1
                bar.console.print(Text(f"failed: {error}", style="red"), soft_wrap=True)
                if as_json:
                    _print_json({"source": str(job.path), "error": str(error)})
            bar.advance(task)
    if failed:
        console.print(Text(f"{failed} of {len(jobs)} inputs failed", style="red"))
        raise typer.Exit(1)


def load_model(model: str, backend: str, options: Options) -> DensePose:
    """Open the bundle that the user named. Raises BundleError or BackendUnavailable."""
    return DensePose.load(model, backend=backend, options=options)


@dataclass(frozen=True)
class Outcome:
    """One picture, predicted and written."""

    rgb: NDArray[np.uint8]  # (H, W, 3), upright
    result: DensePoseResult
    record: dict[str, Any]  # what STEM.json holds
    files: tuple[Path, ...]  # written, the most telling last

    def __str__(self) -> str:
        total = self.result.timings.get("total")
        return f"{people(len(self.result))}{'' if total is None else f' in {total:.0f} ms'} -> {self.files[-1]}"


def predict_picture(
    predictor: DensePose, job: Job, out: Path, mode: Mode, styles: tuple[str, ...], *, legend: bool = False
) -> Outcome:
    """Predict one picture and write its files, once all of them are made."""
    rgb = load_image(job.path)
    result = predictor.predict(rgb, mode=mode)
    return Outcome(rgb, result, *write_result(out, job.stem, str(job.path), rgb, result, styles, legend=legend))


def parse_styles(text: str) -> tuple[str, ...]:
    """Styles of `--draw`. Raises typer.BadParameter, which is exit code 2."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names in ((), ("none",)):
        return ()
    unknown = [name for name in names if name not in STYLES]
    if unknown:
        raise typer.BadParameter(
            f"unknown style {', '.join(map(repr, unknown))}: use any of {','.join(STYLES)}, or none",
            param_hint="--draw",
        )
    return names


@contextmanager
def clean_errors(path: Path) -> Iterator[None]:
    """What a library cannot handle about one input becomes that input's own error."""
    try:
        yield
    except cv2.error as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{path} cannot be processed by OpenCV ({reason}): save it again as JPEG or PNG") from error
    except MemoryError as error:
        raise InputError(f"{path} is too large for the memory of this machine: give a smaller picture") from error


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _advance(bar: Progress, task: TaskID, done: int, total: int | None) -> None:
    bar.update(task, completed=done, total=total)


def _print_json(record: dict[str, Any]) -> None:
    typer.echo(json.dumps(record))
