"""The curve of a run: what its logs say of the people that it was watched on, one entry an evaluation.

python -m densepose_mobile.train.engine.curve runs/base --out results/base/training_curve.json
"""

import csv
import shlex
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import typer

from densepose_mobile.cli.main import run_module
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.errors import InputError
from densepose_mobile.train.engine.recipe import load_recipe

__all__ = ["training_curve"]

_STRETCH: Final = "from_"
"""Name of a log's folder, before the step that it begins at."""

_PICTURES: Final = "run/pictures"
"""Column of the pictures seen until then, which is filled in other rows than the figures are."""

_WATCHED: Final = ("synthetic", "real")
"""What columns of figures begin with."""


def training_curve(run: Path) -> list[dict[str, Any]]:
    """What every evaluation of a run found, by step.

    A run that was stopped and resumed has a log for each stretch; of steps that were lost and made again, the later
    log counts.

    Returns, for each evaluation, `step`, `pictures` seen by then, and the figures of `synthetic` and `real` by name,
    to three digits. Raises InputError for a folder without logs.
    """
    logs = sorted((run / "logs" / "csv").glob(f"{_STRETCH}*/metrics.csv"))
    if not logs:
        raise InputError(f"{run} has no logs/csv/{_STRETCH}*/metrics.csv; name the --out of a training")
    rows: dict[int, dict[str, Any]] = {}
    pictures: dict[int, int] = {}
    for log in logs:
        begun = int(log.parent.name.removeprefix(_STRETCH))
        rows = {step: row for step, row in rows.items() if step <= begun}
        pictures = {step: count for step, count in pictures.items() if step <= begun}
        with log.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                step = int(line["step"])
                if line.get(_PICTURES):
                    pictures[step] = int(float(line[_PICTURES]))
                found: dict[str, dict[str, float]] = defaultdict(dict)
                for column, value in line.items():
                    kind, _, name = column.partition("/")
                    if kind in _WATCHED and value:
                        found[kind][name] = round(float(value), 3)
                if found:
                    rows.setdefault(step, {}).update(found)
    return [
        {"step": step, "pictures": max((count for at, count in pictures.items() if at <= step), default=0), **row}
        for step, row in sorted(rows.items())
    ]


def _main(
    run: Path = typer.Argument(..., help="Folder of a run, its --out."),
    out: Path = typer.Option(..., help="JSON file to write."),
) -> None:
    """Write the curve of a run."""
    steps = training_curve(run)
    recipe = load_recipe(run / "recipe.yaml")
    command = shlex.join(["python", "-m", "densepose_mobile.train.engine.curve", *sys.argv[1:]])
    watched = dict(zip(_WATCHED, (recipe.evaluation.synthetic_pictures, recipe.evaluation.real_pictures), strict=True))
    plan = recipe.optimisation
    about = {"recipe": recipe.name, "max_steps": plan.max_steps, "cooldown_steps": plan.cooldown_steps}
    write_results(out, {**header(command), **about, "watched_pictures": watched, "steps": steps})
    typer.echo(out.read_text())


if __name__ == "__main__":
    run_module(_main)
