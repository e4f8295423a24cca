"""Results that take seconds to make, kept in the user's cache folder."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["cache_folder", "cached_arrays"]

Arrays = dict[str, NDArray[np.generic]]


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/densepose-mobile, else ~/.cache/densepose-mobile; made if it is not there."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "densepose-mobile"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached_arrays(name: str, make: Callable[[], Arrays]) -> Arrays:
    """Arrays of the cache file `name`.npz; made, written to a temporary name and renamed when it is not there.

    `name` must hold everything that the arrays depend on: version of the maker, of its inputs, sizes, seeds.
    """
    path = cache_folder() / f"{name}.npz"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}.partial.npz")
        np.savez(partial, **make())  # type: ignore[arg-type]
        partial.replace(path)
    with np.load(path, allow_pickle=False) as data:
        return {key: data[key] for key in data.files}
