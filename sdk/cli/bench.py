"""`densepose-mobile bench`: how long models take on this machine, stage by stage, and what memory."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from densepose_mobile.bench import (
    ACCURACY_MEASURES,
    MODES,
    Accuracy,
    Case,
    Effort,
    bench_pictures,
    csv_text,
    describe_machine,
    read_accuracy,
    row_of,
    run_cases,
)
from densepose_mobile.bundle import DEFAULT_BUNDLE, Bundle
from densepose_mobile.cli.demo import samples
from densepose_mobile.cli.inputs import expand
from densepose_mobile.cli.outputs import prepare_folder, write_atomically
from densepose_mobile.cli.results_file import command_line, header, model_card, write_results
from densepose_mobile.errors import InputError
from densepose_mobile.runtime import backends
from densepose_mobile.stopwatch import STAGES

__all__ = ["app"]

app = typer.Typer()

_log = logging.getLogger(__name__)

_SAMPLE: Final = "sample"
_FILE_WIDTH: Final = 200  # characters of a table when stdout is not a terminal


@app.command()
def bench(
    context: typer.Context,
    models: str = typer.Option(DEFAULT_BUNDLE, "--models", "-m", help="Bundles: paths or names, joined by commas."),
    backend: str = typer.Option(
        "auto", "--backends", "-b", help='Runtimes, joined by commas; "all": each that "auto" may choose for a bundle.'
    ),
    modes: str = typer.Option(",".join(MODES), "--modes", help='Joined by commas; "none": only --graphs.'),
    threads: str = typer.Option("1", "--threads", help="Numbers of threads, joined by commas."),
    pictures: str = typer.Option(
        _SAMPLE, "--pictures", help='A picture or a folder of them; "sample": the photo that scikit-image carries.'
    ),
    repeats: int = typer.Option(Effort.repeats, "--repeats", min=1, help="Timed calls a picture in each process."),
    warmup: int = typer.Option(Effort.warmup, "--warmup", min=0, help="Calls a picture before them."),
    rounds: int = typer.Option(Effort.rounds, "--rounds", min=1, help="Processes of each combination."),
    timeout: float = typer.Option(Effort.timeout, "--timeout", min=1, help="Seconds that a process may take."),
    graphs: bool = typer.Option(False, "--graphs", help="Also time each graph alone, on random input."),
    accuracy: list[Path] = typer.Option(
        [],
        "--accuracy",
        help="Results file of `evaluate`, to show beside bundle and mode that it is about. Repeatable.",
    ),
    out: Path | None = typer.Option(None, "--out", "-o", help="Results file, JSON."),
    table: Path | None = typer.Option(None, "--csv", help="The same rows as CSV."),
) -> None:
    """How long models take on this machine, stage by stage, and what memory.

    Measures every combination of models, backends, modes and threads, each in processes of its own, in rounds. What
    cannot run is a row that says why (exit code 1, except for what --backends all finds not to be installed). Mode
    "video" follows people through a pan over the picture; the others read the picture's file each time.
    """
    cards = {model: model_card(model) for model in _words(models)}
    ways = () if modes == "none" else _words(modes)
    unknown = [mode for mode in ways if mode not in MODES]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(MODES)}, or none", param_hint="--modes")
    measured = [read_accuracy(path) for path in accuracy]
    _check_accuracy(measured, cards, ways)
    shown = bench_pictures(_picture_files(pictures)) if ways else []
    cases = _cases(cards, _words(backend), ways, _thread_counts(threads), graphs)
    if not cases:
        raise typer.BadParameter("nothing to measure: give --modes or --graphs", param_hint="--modes")
    for path in filter(None, (out, table)):
        prepare_folder(path.parent)
    machine = describe_machine()
    effort = Effort(rounds, repeats, warmup, timeout)
    rows = _measure(cases, cards, [picture.path for picture in shown], effort, measured)
    runs, alone = [row for row in rows if "mode" in row], [row for row in rows if "graph" in row]
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH, highlight=False)
    for title, lines in (("pictures from end to end", _run_table(runs)), ("graphs alone", _graph_table(alone))):
        if lines.row_count:
            lines.title = f"{title}, milliseconds on {machine['processor']}"
            console.print(lines)
    for line in (*_off_target(rows), *_failures(rows)):
        console.print(line, markup=False, soft_wrap=True)
    if table is not None:
        write_atomically(table, csv_text(rows).encode())
    if out is not None:
        seen = [picture.as_dict() for picture in shown]
        content = {"machine": machine, "effort": asdict(effort), "pictures": seen, "runs": runs, "graphs": alone}
        write_results(out, {**header(command_line(context)), **content})
    absent = {b.name for b in backends() if not b.available} if backend == "all" else set()
    wrong = [row for row in rows if "error" in row and row["backend"] not in absent]
    if wrong or all("error" in row for row in rows):
        raise typer.Exit(1)


def _cases(
    cards: Mapping[str, Mapping[str, Any]],
    named: Sequence[str],
    modes: Sequence[str],
    threads: Sequence[int],
    graphs: bool,
) -> list[Case]:
    cases = []
    for model in cards:
        manifest = Bundle.open(model).manifest
        family = [b.name for b in backends(manifest.family) if b.automatic]
        chosen = family if list(named) == ["all"] else named
        names = [graph.name for graph in manifest.spec.graphs()] if graphs else []
        for backend, count in itertools.product(chosen, threads):
            cases += [Case(model, backend, count, mode=mode) for mode in modes]
            cases += [Case(model, backend, count, graph=name) for name in names]
    return cases


def _measure(
    cases: Sequence[Case],
    cards: Mapping[str, Mapping[str, Any]],
    pictures: Sequence[Path],
    effort: Effort,
    accuracy: Sequence[Accuracy],
) -> list[dict[str, Any]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(cases) * effort.rounds)
        outcomes = run_cases(cases, pictures, effort, lambda case: bar.update(task, advance=1, description=str(case)))
    return [row_of(case, outcome, cards[case.model], accuracy) for case, outcome in outcomes.items()]


def _picture_files(given: str) -> list[Path]:
    if given == _SAMPLE:
        return [samples()[0].path]
    jobs = expand([Path(given)])
    for job in jobs:
        if job.error:
            raise job.error
    files = [job.path for job in jobs if not job.is_video]
    if not files:
        raise InputError(f"{given} holds no picture; give --pictures a picture or a folder of them")
    return files


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _thread_counts(text: str) -> list[int]:
    words = _words(text)
    if not words or not all(word.isdecimal() and int(word) for word in words):
        raise typer.BadParameter(f"{text!r}: give whole numbers from 1 on, joined by commas", param_hint="--threads")
    return [int(word) for word in words]


def _check_accuracy(measured: Sequence[Accuracy], cards: Mapping[str, Mapping[str, Any]], modes: Sequence[str]) -> None:
    hashes = {card["sha256"] for card in cards.values()}
    seen = set()
    for entry in measured:
        if entry.sha256 not in hashes or entry.mode not in modes:
            _log.warning("%s: no bundle of --models in mode %s was measured there", entry.source, entry.mode)
        key = entry.source, entry.sha256, entry.mode
        if key in seen:
            raise InputError(f"two --accuracy files are named {entry.source!r} and about the same; rename one")
        seen.add(key)


def _run_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        caption="medians; cpu: processor time; load: from file to ready; MiB: peak memory, Python and OpenCV included"
    )
    sources = list(dict.fromkeys(source for row in rows for source in row.get("accuracy", {})))
    for heading in ("model", "mode"):
        table.add_column(heading, no_wrap=True)
    for heading in ("people", "total", "p95", "cpu", *STAGES, "first", "load", "MiB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for source in sources:
        table.add_column(f"{source}: {', '.join(ACCURACY_MEASURES.values())}")
    for row in rows:
        if "error" in row:
            table.add_row(_label(row), row["mode"], *[""] * (len(STAGES) + 7), *[""] * len(sources))
            continue
        ms = row["ms"]
        found = [row.get("accuracy", {}).get(source, {}) for source in sources]
        table.add_row(
            _label(row),
            row["mode"],
            str(sum(row["people"].values())),
            f"{ms['total']['p50']:.1f}",
            f"{ms['total']['p95']:.1f}",
            f"{row['cpu_ms']['p50']:.1f}",
            *(f"{ms[stage]['p50']:.1f}" for stage in STAGES),
            f"{row['first_ms']:.0f}",
            f"{row['load_ms']:.0f}",
            "" if row["peak_mib"] is None else f"{row['peak_mib']:.0f}",
            *(" ".join(f"{entry[name]:.3f}" for name in ACCURACY_MEASURES if name in entry) for entry in found),
        )
    return table


def _graph_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a model, backend and number of threads; one column a graph."""
    table = Table(caption="medians [95th percentiles] | medians of processor time")
    table.add_column("model", no_wrap=True)
    names = list(dict.fromkeys(row["graph"] for row in rows))
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        figures = lines.setdefault(_label(row), {})
        if "error" not in row:
            total, cpu = row["ms"]["total"], row["cpu_ms"]
            figures[row["graph"]] = f"{total['p50']:.1f} [{total['p95']:.1f}] | {cpu['p50']:.1f}"
    for label, figures in lines.items():
        table.add_row(label, *(figures.get(name, "") for name in names))
    return table


def _off_target(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which graphs do not wholly run where they were asked to."""
    lines = (f"{_label(row)}, {name}: {row['placement'][name]}" for row in rows for name in row.get("elsewhere", ()))
    return list(dict.fromkeys(lines))


def _failures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What cannot run and why, the modes and graphs of one reason together."""
    ways: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "error" in row:
            ways.setdefault((_label(row), row["error"]), []).append(row.get("mode") or row["graph"])
    return [f"{label} ({', '.join(names)}): {reason}" for (label, reason), names in ways.items()]


def _label(row: Mapping[str, Any]) -> str:
    return f"{row['model']} {row['version']}, {row['target']} on {row['backend']}, threads {row['threads']}"
