"""`densepose-mobile verify`: whether a bundle computes here what it computed where it was made."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from densepose_mobile.bundle import DEFAULT_BUNDLE, Bundle, Deviation
from densepose_mobile.bundle.golden import compare
from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime import Placement, Runtime, backends, with_runtime

__all__ = ["Check", "app", "check", "chosen"]

app = typer.Typer()

_log = logging.getLogger(__name__)

ALL: Final = "all"


@app.command()
def verify(
    model: str = typer.Argument(DEFAULT_BUNDLE, metavar="BUNDLE", help="A bundle: path, or the name of a shipped one."),
    backend: str = typer.Option(
        "auto", "--backend", "-b", help="Runtime, as `densepose-mobile info` lists them; all: every one that is here."
    ),
    threads: int = typer.Option(2, "--threads", min=1, help="Threads of the runtime."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Check that a bundle computes here what it computed where it was made.

    Every graph runs on the golden inputs in the bundle; each output passes when its rms error is within the tolerance.
    Needs no torch, except for ExecuTorch bundles. A Core ML bundle on another system than macOS is evaluated in NumPy.
    Exit code 1 when an output fails or a runtime that is installed cannot run the bundle.
    """
    bundle = Bundle.open(model)
    checks = [check(bundle, name, threads) for name in chosen(bundle.manifest.family, backend)]
    if as_json:
        facts = {"bundle": bundle.source, "name": bundle.manifest.name, "target": bundle.manifest.target}
        typer.echo(json.dumps({**facts, "checks": [one.as_dict() for one in checks]}, indent=2))
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(Text(repr(bundle), style="bold"))
        for one in checks:
            _print_check(console, one)
    if not all(one.passed for one in checks):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Check:
    """A bundle on one backend."""

    backend: str
    placement: Mapping[str, Placement] = field(default_factory=dict)  # by graph
    deviations: tuple[Deviation, ...] = ()
    error: str | None = None  # why it did not run

    @property
    def passed(self) -> bool:
        """Whether it ran, and every output is within its tolerance."""
        return self.error is None and all(deviation.passed for deviation in self.deviations)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "backend": self.backend,
            "passed": self.passed,
            "error": self.error,
            "placement": {graph: placement.as_dict() for graph, placement in self.placement.items()},
            "outputs": [deviation.as_dict() for deviation in self.deviations],
        }


def chosen(family: str, backend: str) -> list[str]:
    """Names of the backends to check. Raises BackendUnavailable where "all" finds none that is installed.

    Where nothing of the family can run, "auto" is the backend that checks its numbers, if there is one.
    """
    if backend == ALL:
        here = [candidate.name for candidate in backends(family) if candidate.available]
        for candidate in backends(family):
            if candidate.obstacle:
                _log.info("backend %r is left out: %s", candidate.name, candidate.obstacle)
        return here or ["auto"]  # which says what is missing
    able = [candidate for candidate in backends(family) if candidate.available]
    if backend == "auto" and able and not any(candidate.automatic for candidate in able):
        return [able[0].name]
    return [backend]


def check(bundle: Bundle, backend: str, threads: int) -> Check:
    """Run a bundle's graphs on their golden inputs.

    A backend that is there and cannot run the bundle is the check's error. Raises BackendUnavailable for one that is
    unknown or of another family, BundleError for a bundle that is at odds with its spec.
    """

    def run(runtime: Runtime) -> Check:
        graphs = bundle.load(runtime)
        deviations = tuple(deviation for graph in graphs.values() for deviation in compare(graph, bundle.golden))
        return Check(runtime.name, {name: graph.placement for name, graph in graphs.items()}, deviations)

    family = bundle.manifest.family
    try:
        return with_runtime(family, run, backend, threads)
    except BackendUnavailable as error:
        if backend not in [candidate.name for candidate in backends(family) if candidate.available]:
            raise
        return Check(backend, error=str(error))


def _print_check(console: Console, one: Check) -> None:
    console.print()
    if one.error is not None:
        console.print(Text(f"{one.backend}: {one.error}", style="red"))
        return
    console.print(Text(f"on {one.backend}"))
    for graph, placement in one.placement.items():
        console.print(Text(f"  {graph:<10}{placement}"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("  graph", "output", "rms error", "allowed", "max difference", "SQNR dB", ""):
        table.add_column(column, justify="left" if column.strip() in ("graph", "output", "") else "right")
    for deviation in one.deviations:
        numbers = (deviation.rms_error, deviation.tolerance, deviation.max_abs)
        table.add_row(
            f"  {deviation.graph}",
            deviation.output,
            *(f"{number:.3g}" for number in numbers),
            f"{deviation.sqnr_db:.1f}",
            Text("passed") if deviation.passed else Text("FAILED", style="red"),
        )
    console.print(table)
    failed = sum(not deviation.passed for deviation in one.deviations)
    verdict = f"{failed} of {len(one.deviations)} outputs failed" if failed else "every output passed"
    console.print(Text(f"{one.backend}: {verdict}", style="red" if failed else "green"))
