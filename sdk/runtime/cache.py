"""Files for runtimes that read models from a path only: unpacked once, under the hash of what they came from."""

import hashlib
import io
import os
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from densepose_mobile.errors import BundleError, OutputError

__all__ = ["CACHE_VARIABLE", "cache_folder", "unpacked"]

CACHE_VARIABLE: Final = "DENSEPOSE_MOBILE_CACHE"
"""Environment variable that names the folder for unpacked models."""

_ATTEMPTS: Final = 4  # at putting a folder in its place, while others do the same


def cache_folder() -> Path:
    """Where unpacked models lie: what `CACHE_VARIABLE` names, or else in the user's own cache."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "densepose-mobile"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "densepose-mobile"


def unpacked(archive: bytes, label: str) -> Path:
    """Unpack a zip into a folder named after its sha256. Returns the folder.

    label: what the archive is, for messages. The folder appears whole or not at all; one whose files differ from the
    archive's is replaced. Raises BundleError for what is no zip or would write outside of the folder, OutputError where
    the cache cannot be written.
    """
    files = _files(archive, label)
    folder = cache_folder() / hashlib.sha256(archive).hexdigest()
    try:
        if _holds(folder, files):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name[:16]}.", dir=folder.parent) as scratch:
            fresh = Path(scratch) / "fresh"
            for name, data in files.items():
                path = fresh / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            _put(fresh, folder, files)
    except OSError as error:
        raise OutputError(
            f"cannot unpack {label} into {folder.parent} ({error.strerror or error}): "
            f"name another folder in {CACHE_VARIABLE}"
        ) from error
    return folder


def _files(archive: bytes, label: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            files = {entry.filename: source.read(entry) for entry in source.infolist() if not entry.is_dir()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise BundleError(f"{label} is no zip of a model package ({error}); convert the model again") from error
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise BundleError(f"{label} holds a file {name!r} that leaves its folder; fetch it from a source you trust")
    return files


def _put(fresh: Path, folder: Path, files: dict[str, bytes]) -> None:
    """Rename fresh to folder, unless somebody else has put the same files there meanwhile."""
    for attempt in range(_ATTEMPTS):
        try:
            fresh.replace(folder)
            return
        except OSError:
            if _holds(folder, files):
                return
            if attempt == _ATTEMPTS - 1:
                raise
        # Only what was seen to be damaged is moved away, never a folder that another just finished.
        with suppress(FileNotFoundError):
            folder.replace(fresh.with_name(f"stale{attempt}"))


def _holds(folder: Path, files: dict[str, bytes]) -> bool:
    """Whether the folder has every file as it is in the archive."""
    try:
        return all((folder / name).read_bytes() == data for name, data in files.items())
    except OSError:
        return False
