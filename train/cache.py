"""Results that take seconds to make, kept in the user's cache folder."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "cache_folder", "cached_arrays"]

Arrays = dict[str, NDArray[Any]]

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/densepose-mobile, else ~/.cache/densepose-mobile."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "densepose-mobile"


def cached_arrays(name: str, make: Callable[[], Arrays], folder: Path | None = None) -> Arrays:
    """Arrays of the cache file `name`.npz; made, written to a temporary name and renamed when it is not there.

    `name` must hold everything that the arrays depend on: version of the maker, of its inputs, sizes, seeds.
    folder: instead of the user's cache folder.
    """
    path = (folder or cache_folder()) / f"{name}.npz"
    if not path.exists():
        _log.info("making %s; it is kept for the next time", path.name)
        arrays = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial.npz")
        np.savez(partial, **arrays)  # type: ignore[arg-type]
        partial.replace(path)
    with np.load(path, allow_pickle=False) as data:
        return {key: data[key] for key in data.files}
