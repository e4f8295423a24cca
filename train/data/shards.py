"""Shards of rendered pictures on disk: names, manifest, writing under a temporary name, resuming."""

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from densepose_mobile.errors import InputError, OutputError

__all__ = ["MANIFEST_NAME", "SURFACES_NAME", "ShardFolder", "ShardManifest", "read_manifest"]

MANIFEST_NAME: Final = "manifest.json"
SURFACES_NAME: Final = "surfaces.npz"
_VERSION: Final = 1


@dataclass(frozen=True)
class ShardManifest:
    """What a folder of shards was rendered with. Shards of a folder share all of it."""

    surfaces: str  # SurfaceSet.id
    split: str
    seed: int
    size: int  # px, side of the pictures
    shard_size: int  # pictures a shard
    without: list[str] = field(default_factory=list)  # ingredients that were left out
    version: int = _VERSION


class ShardFolder:
    """A folder of `pictures-FIRST-END.tar` shards, their manifest and the surface set."""

    def __init__(self, folder: Path, manifest: ShardManifest) -> None:
        """Make the folder, or take up an old one; InputError when it was rendered with other settings."""
        self.folder, self.manifest = folder, manifest
        path = folder / MANIFEST_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                found = read_manifest(folder)
                differing = [k for k, v in asdict(manifest).items() if asdict(found)[k] != v]
                if differing:
                    told = ", ".join(f"{k} {asdict(found)[k]} there, {asdict(manifest)[k]} asked" for k in differing)
                    raise InputError(f"{folder} holds shards of other settings ({told}); choose another --out folder")
            else:
                _write(path, (json.dumps(asdict(manifest), indent=1) + "\n").encode())
        except OSError as error:
            raise OutputError(f"cannot write to {folder} ({error.strerror}); choose another --out folder") from error

    def path(self, first: int, end: int) -> Path:
        """File of the pictures first..end-1."""
        return self.folder / f"pictures-{first:08d}-{end:08d}.tar"

    def plan(self, count: int) -> list[tuple[int, int]]:
        """(first, end) of the shards that `count` pictures need and that are not there yet."""
        step = self.manifest.shard_size
        wanted = [(first, min(first + step, count)) for first in range(0, count, step)]
        there = {file.name for file in self.folder.glob("pictures-*.tar")}
        longest: dict[int, int] = {}
        for name in there:
            first, end = (int(part) for part in name.removesuffix(".tar").split("-")[1:3])
            longest[first] = max(longest.get(first, 0), end)
        return [(first, end) for first, end in wanted if longest.get(first, 0) < end]

    def write(self, first: int, end: int, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> Path:
        """Write one shard (to a temporary name, then renamed); shorter shards with the same start are removed."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for key, members in samples:
                for extension, data in members.items():
                    info = tarfile.TarInfo(f"{key}.{extension}")
                    info.size, info.mode = len(data), 0o644
                    tar.addfile(info, io.BytesIO(data))
        path = self.path(first, end)
        try:
            _write(path, buffer.getbuffer())
            for old in self.folder.glob(f"pictures-{first:08d}-*.tar"):
                if old != path:
                    old.unlink()
        except OSError as error:
            raise OutputError(
                f"cannot write {path} ({error.strerror}); free some space or choose another --out"
            ) from error
        return path


def read_manifest(folder: Path) -> ShardManifest:
    """The manifest of a folder of shards; InputError when there is none or it is of another version."""
    path = folder / MANIFEST_NAME
    try:
        entries: dict[str, Any] = json.loads(path.read_text())
        manifest = ShardManifest(**entries)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no manifest of rendered shards ({error}); render the folder again") from error
    if manifest.version != _VERSION:
        raise InputError(f"{path} has version {manifest.version}, this program reads {_VERSION}; render again")
    return manifest


def _write(path: Path, data: "bytes | memoryview") -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
