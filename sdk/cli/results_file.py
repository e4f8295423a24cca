"""Results files: figures together with the command, date and versions that made them."""

import hashlib
import json
import os
import platform
import shlex
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import typer

from densepose_mobile.bundle import Bundle, registered
from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.errors import OutputError

__all__ = ["SCHEMA", "command_line", "header", "model_card", "write_results"]

SCHEMA: Final = 1
"""Version of the layout that results/README.md describes."""

_PACKAGES: Final = (
    "densepose-mobile",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "ai-edge-litert",
    "tflite-runtime",
    "onnxruntime",
    "executorch",
    "coremltools",
    "torch",
)


def header(command: str) -> dict[str, Any]:
    """The first keys of every results file: schema, command, date (UTC), versions of what is installed."""
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    date = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    return {"schema": SCHEMA, "command": command, "date": date, "versions": versions}


def model_card(model: str) -> dict[str, str]:
    """What a results file says of a bundle: name, version, target, atlas, sha256 of the file.

    model: a path, or the name of a shipped bundle. Raises BundleError.
    """
    manifest = Bundle.open(model).manifest
    data = registered().get(model, Path(model)).read_bytes()
    return {
        "name": manifest.name,
        "version": manifest.version,
        "target": manifest.target,
        "atlas": manifest.atlas_id,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def command_line(context: typer.Context) -> str:
    """The command that is running, with the options that differ from their defaults and paths as seen from here."""
    words = ["densepose-mobile", *context.command_path.split()[1:]]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value is None or value == parameter.get_default(context):
            continue
        values = list(value) if isinstance(value, list | tuple) else [value]
        if parameter.param_type_name == "argument":
            words += [_word(entry) for entry in values]
        elif isinstance(value, bool):
            words.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        else:
            words += [word for entry in values for word in (parameter.opts[0], _word(entry))]
    return shlex.join(words)


def write_results(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a results file as indented JSON; whole or not at all. Raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {path.parent} ({error.strerror or error}); choose another --out") from error
    return write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def _word(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Path):
        return os.path.relpath(value) if value.is_absolute() else str(value)
    return str(value)
