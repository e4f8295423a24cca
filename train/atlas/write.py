"""Writing the atlas file."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas.core import SCHEMA
from densepose_mobile.errors import OutputError
from densepose_mobile.train.atlas.template import TEMPLATE_HEIGHT

__all__ = ["write_atlas"]


def write_atlas(path: Path, arrays: dict[str, NDArray[Any]], left_nodes: int) -> None:
    """Writes `atlas.npz` to a temporary name and renames it. Raises OutputError where that cannot be done."""
    header = {"schema": SCHEMA, "height": TEMPLATE_HEIGHT, "left_nodes": left_nodes, "licence": "Apache-2.0"}
    temporary = path.with_suffix(f".{os.getpid()}.partial.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(temporary, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(f"cannot write {path} ({error}): choose a writable place with --out") from error
