"""`densepose-mobile demo`: the shipped model on sample photos, or on yours, and one picture that shows it all."""

import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from densepose_mobile import DensePose, Options
from densepose_mobile.bundle import DEFAULT_BUNDLE
from densepose_mobile.cli.contact import Row, contact_sheet
from densepose_mobile.cli.inputs import expand
from densepose_mobile.cli.outputs import encode_picture, people, prepare_folder, write_atomically
from densepose_mobile.cli.predict import Outcome, clean_errors, load_model, predict_picture
from densepose_mobile.draw import DEFAULT_STYLES
from densepose_mobile.errors import DensePoseError, InputError

__all__ = ["Sample", "app", "samples"]

app = typer.Typer()

_REPEATS: Final = 5


@dataclass(frozen=True)
class Sample:
    """A picture of the demo and whom to thank for it."""

    path: Path
    credit: str = ""


@app.command()
def demo(
    photos: list[Path] | None = typer.Argument(None, metavar="PHOTO", help="Your photos, in place of the samples."),
    out: Path = typer.Option(Path("out/demo"), "--out", "-o", help="Folder for the pictures."),
    rendered: Path | None = typer.Option(
        None, "--rendered", help="A rendered picture to show after the sample photos."
    ),
    model: str = typer.Option(DEFAULT_BUNDLE, "--model", "-m", help="A bundle: path, or the name of a shipped one."),
    backend: str = typer.Option("auto", "--backend", "-b", help="Runtime, as `densepose-mobile info` lists them."),
    threads: int = typer.Option(2, "--threads", min=1, help="Threads of the runtime."),
) -> None:
    """Predict on sample photos, or on yours, and show the outcome.

    Writes what `predict` writes for each photo, and contact.jpg with all of them side by side.
    """
    console = Console(highlight=False, soft_wrap=True)
    prepare_folder(out)
    chosen = [Sample(path) for path in photos] if photos else samples(rendered)
    started = time.perf_counter()
    predictor = load_model(model, backend, Options(threads=threads))
    console.print(f"model {model} loaded in {1000 * (time.perf_counter() - started):.0f} ms, {threads} threads")
    rows, failed = [], 0
    credits_by_path = {sample.path: sample.credit for sample in chosen}
    for job in expand([sample.path for sample in chosen]):
        try:
            if job.error:
                raise job.error
            if job.is_video:
                raise InputError(f"{job.path} is a video: give it to `densepose-mobile predict`")
            with clean_errors(job.path):
                outcome = predict_picture(predictor, job, out, "balanced", DEFAULT_STYLES)
                times = [_timed(predictor, outcome) for _ in range(_REPEATS)]
        except DensePoseError as error:
            failed += 1
            Console(stderr=True, highlight=False, soft_wrap=True).print(Text(f"failed: {error}", style="red"))
            continue
        caption = f"{job.path.name}: {people(len(outcome.result))}, {median(times):.0f} ms"
        console.print(Text(f"{caption} (median of {_REPEATS}; parts {_parts(outcome)}) -> {outcome.files[-1]}"))
        rows.append(Row(outcome.rgb, outcome.result, caption, credits_by_path.get(job.path, "")))
    if rows:
        path = out / "contact.jpg"
        write_atomically(path, encode_picture(path, contact_sheet(rows)))
        console.print(Text(f"all of them in one picture: {path.resolve()}", style="bold"))
    if failed:
        raise typer.Exit(1)


def samples(rendered: Path | None = None) -> list[Sample]:
    """Sample photos that scikit-image carries in its wheel, and a rendered picture where there is one.

    Nothing is imported or fetched. Raises InputError where scikit-image is missing.
    """
    found = find_spec("skimage")
    folder = Path(found.origin).parent / "data" if found and found.origin else None
    if folder is None or not (folder / "astronaut.png").exists():
        raise InputError(
            'the sample photos come with scikit-image: pip install "densepose-mobile[demo]", or name a photo'
        )
    chosen = [
        Sample(folder / "astronaut.png", "Eileen Collins; photo NASA, public domain"),
        Sample(folder / "camera.png", "photo Lav Varshney, CC0"),
    ]
    if rendered is not None and rendered.exists():
        chosen.append(Sample(rendered, "rendered, not a photo"))
    return [sample for sample in chosen if sample.path.exists()]


def _timed(predictor: DensePose, outcome: Outcome) -> float:
    started = time.perf_counter()
    predictor.predict(outcome.rgb)
    return 1000 * (time.perf_counter() - started)


def _parts(outcome: Outcome) -> int:
    return len({name for person in outcome.result for name in person.visible_parts()})
