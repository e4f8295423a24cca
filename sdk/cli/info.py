"""`densepose-mobile info`: what is installed, what can run, and what a bundle holds."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from densepose_mobile.bundle import DEFAULT_BUNDLE, Bundle, registered
from densepose_mobile.errors import DensePoseError
from densepose_mobile.runtime import Placement, Runtime, backends, with_runtime

__all__ = ["app", "describe"]

app = typer.Typer()

_FEW: Final = 4  # values of a nested mapping that are shown one by one


@app.command()
def info(
    model: str | None = typer.Argument(None, metavar="BUNDLE", help="A bundle: path, or the name of a shipped one."),
    as_json: bool = typer.Option(False, "--json", help="As JSON, with the whole manifest."),
) -> None:
    """What is installed, what can run, and what a bundle holds.

    Every member of the bundle is checked against its hash.
    """
    facts = describe(model)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    for name, value in facts["versions"].items():
        console.print(Text(f"{name:<18}{value}"))
    console.print(Text("\nbackends", style="bold"))
    for backend in facts["backends"]:
        families = ", ".join(backend["families"])
        console.print(Text(f"  {backend['name']:<16}{backend['obstacle'] or f'ready for {families}'}"))
    console.print(Text("\nbundles", style="bold"))
    console.print(Text(f"  shipped         {', '.join(facts['shipped']) or 'none'}"))
    if facts["bundle"] is not None:
        _print_bundle(console, facts["bundle"])


def describe(model: str | None = None) -> dict[str, Any]:
    """The facts as plain values. model: a bundle; the default one when None, if it is shipped. Raises BundleError."""
    shipped = list(registered())
    chosen = model or (DEFAULT_BUNDLE if DEFAULT_BUNDLE in shipped else None)
    return {
        "versions": {
            "densepose-mobile": _version("densepose-mobile"),
            "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
            "NumPy": np.__version__,
            "OpenCV": cv2.__version__,
        },
        "backends": [
            {"name": b.name, "families": list(b.families), "obstacle": b.obstacle, "install": b.install}
            for b in backends()
        ],
        "shipped": shipped,
        "bundle": None if chosen is None else _bundle_facts(Bundle.open(chosen)),
    }


def _bundle_facts(bundle: Bundle) -> dict[str, Any]:
    return {
        "source": bundle.source,
        "runs": _placement(bundle),
        "file_bytes": bundle.file_bytes,
        "manifest": bundle.manifest.as_dict(),
    }


def _placement(bundle: Bundle) -> dict[str, Any]:
    """The backend that "auto" takes and where it places each graph, or what is in the way."""

    def load(runtime: Runtime) -> dict[str, Any]:
        placement = {name: graph.placement for name, graph in bundle.load(runtime).items()}
        plain = {name: place.as_dict() for name, place in placement.items()}
        return {"backend": runtime.name, "placement": plain, "obstacle": None}

    try:
        return with_runtime(bundle.manifest.family, load)
    except DensePoseError as error:
        return {"backend": None, "placement": {}, "obstacle": str(error)}


def _print_bundle(console: Console, facts: dict[str, Any]) -> None:
    manifest = facts["manifest"]
    size = sum(facts["file_bytes"].values()) / 1e6
    console.print(Text(f"\n{manifest['name']} {manifest['version']}", style="bold"))
    for name, value in (
        ("from", facts["source"]),
        ("target", f"{manifest['target']}, graphs {size:.1f} MB"),
        ("licence", manifest["licence"]),
        ("atlas", manifest["atlas_id"]),
    ):
        console.print(Text(f"  {name:<16}{value}"))
    runs = facts["runs"]
    console.print(Text(f"  {'runs on':<16}{runs['backend'] or 'nothing here: ' + runs['obstacle']}"))
    for graph, placement in runs["placement"].items():
        console.print(Text(f"  {'':<16}{graph}: {Placement(**placement)}"))
    for title in ("provenance", "quantisation", "metrics"):
        for line, (name, value) in enumerate(_brief(manifest[title])):
            console.print(Text(f"  {title if line == 0 else '':<16}{name}: {value}"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("  graph", "in", "MB", "inputs", "outputs"):
        table.add_column(column, style=None, justify="right" if column == "MB" else "left")
    sizes = {file: f"{size / 1e6:.1f}" for file, size in facts["file_bytes"].items()}
    for name, graph in manifest["graphs"].items():
        file = graph["file"]
        told = sizes.pop(file, "")  # of a file that holds several graphs, once
        table.add_row(f"  {name}", file, told, _tensors(graph["inputs"]), _tensors(graph["outputs"]))
    console.print()
    console.print(table)


def _tensors(tensors: list[dict[str, Any]]) -> str:
    return ", ".join(f"{tensor['name']} {'x'.join(map(str, tensor['shape']))}" for tensor in tensors)


def _brief(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values, two levels deep; what lies deeper is counted where it is long."""
    lines: list[tuple[str, str]] = []
    for name, value in _flat(values, 1):
        leaves = _flat(value) if isinstance(value, dict) else []
        if len(leaves) > _FEW:
            lines.append((name, f"{len(leaves)} values, shown by --json"))
        elif isinstance(value, dict):
            lines += [(f"{name}.{leaf}", _text(deep)) for leaf, deep in leaves]
        else:
            lines.append((name, _text(value)))
    return lines


def _flat(values: dict[str, Any], levels: int = 99) -> list[tuple[str, Any]]:
    """Dotted names and values; mappings more than `levels` below the top are left as they are."""
    lines: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict) and levels:
            lines += [(f"{name}.{deeper}", leaf) for deeper, leaf in _flat(value, levels - 1)]
        else:
            lines.append((name, value))
    return lines


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed as a distribution"
