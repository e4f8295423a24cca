"""Reading bundles, with every member checked against its hash before anything uses it."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.bundle.golden import Deviation, compare
from densepose_mobile.bundle.manifest import Manifest
from densepose_mobile.bundle.writer import GOLDEN_MEMBER, MANIFEST_MEMBER
from densepose_mobile.errors import BundleError, HashMismatch
from densepose_mobile.runtime import Graph, Runtime
from densepose_mobile.spec import ModelSpec

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["BUNDLE_SUFFIX", "DEFAULT_BUNDLE", "Bundle", "registered"]

BUNDLE_SUFFIX: Final = ".dpm"
DEFAULT_BUNDLE: Final = "small"

_MAGIC: Final = b"PK\x03\x04"
# What zipfile raises on bytes that are not, or no longer, the zip that was written.
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    zipfile.error,
)


def registered() -> "dict[str, Traversable]":
    """Bundles that the package ships, by name."""
    folder = resources.files("densepose_mobile.models")
    shipped = (file for file in folder.iterdir() if file.name.endswith(BUNDLE_SUFFIX))
    return {file.name.removesuffix(BUNDLE_SUFFIX): file for file in sorted(shipped, key=lambda file: file.name)}


class Bundle:
    """One model for one target family: graphs, golden inputs and outputs, and the manifest.

    Read it with `Bundle.open`. Every member was checked against the manifest's sha256.
    """

    def __init__(self, manifest: Manifest, members: Mapping[str, bytes], source: str) -> None:
        self.manifest = manifest
        self.source = source  # path, registered name, or "<bytes>"
        self._members = members

    @classmethod
    def open(cls, source: str | Path | bytes | None = None) -> "Bundle":
        """Read a bundle.

        source: a path, the bytes of a bundle, the name of one that the package ships, or None for the default.

        Raises BundleError for what is not a bundle or is damaged, HashMismatch for a member that differs from its hash,
        UnsupportedSchema for a bundle of a newer version.
        """
        data, label = _read(source)
        if not data.startswith(_MAGIC):
            what = "empty" if not data else f"starts with {data[:4]!r}"
            raise BundleError(f"{label} is not a bundle ({what}); give a file written by `densepose-mobile convert`")
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise BundleError(f"{label} was zipped anew, with compression; fetch the original again")
            text = archive.read(MANIFEST_MEMBER)
        except _ZIP_ERRORS as error:
            raise BundleError(f"{label} is damaged or cut short ({error}); fetch it again") from error
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"the manifest of {label} is not JSON ({error}); write the bundle again") from error
        try:
            manifest = Manifest.from_dict(values)
        except BundleError as error:
            raise type(error)(f"{label}: {error}") from error
        return cls(manifest, _checked_members(archive, [entry.filename for entry in entries], manifest, label), label)

    @property
    def spec(self) -> ModelSpec:
        """Sizes of the model's tensors."""
        return self.manifest.spec

    def graph(self, name: str) -> bytes:
        """The serialised model that holds a graph: "detect", "dense_1", "dense_4" or "track".

        It is the same object for all of them where the family has them in one file.
        """
        known = [graph.name for graph in self.spec.graphs()]
        if name not in known:
            raise BundleError(f"{self.source} has no graph {name!r}; it has {', '.join(known)}")
        return self._members[self.manifest.member(name)]

    @property
    def file_bytes(self) -> dict[str, int]:
        """Size of each file that holds graphs, by its name."""
        files = dict.fromkeys(self.manifest.member(graph.name) for graph in self.spec.graphs())
        return {name: len(self._members[name]) for name in files}

    @cached_property
    def golden(self) -> dict[str, NDArray[Any]]:
        """ "GRAPH/TENSOR" -> array, as `write_bundle` was given them."""
        try:
            with np.load(io.BytesIO(self._members[GOLDEN_MEMBER]), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except _ZIP_ERRORS as error:
            raise BundleError(f"the golden arrays of {self.source} cannot be read ({error}); write it again") from error

    def load(self, runtime: Runtime) -> dict[str, Graph]:
        """Every graph, ready to run, by name.

        runtime: of the bundle's family, from `runtime.open_runtime`. Raises BundleError, BackendUnavailable; see
        `Runtime.load`.
        """
        return {graph.name: runtime.load(graph, self.graph(graph.name)) for graph in self.spec.graphs()}

    def verify(self, runtime: Runtime) -> list[Deviation]:
        """Run every graph on the golden inputs and compare with the golden outputs.

        runtime: of the bundle's family, from `runtime.open_runtime`. Returns the deviation of each output; ask
        `Deviation.passed`. Raises BundleError where golden arrays are missing or do not fit the spec.
        """
        return [deviation for graph in self.load(runtime).values() for deviation in compare(graph, self.golden)]

    def __repr__(self) -> str:
        size = sum(map(len, self._members.values())) / 1e6
        return f"Bundle({self.manifest.name} {self.manifest.version}, {self.manifest.target}, {size:.1f} MB)"


def _read(source: str | Path | bytes | None) -> tuple[bytes, str]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "<bytes>"
    if source is None:
        source = DEFAULT_BUNDLE
    shipped = registered()
    if isinstance(source, str) and source in shipped:
        return shipped[source].read_bytes(), source
    try:
        path = Path(source)
        with path.open("rb") as file:
            # A video given by mistake need not be read whole to be refused.
            head = file.read(len(_MAGIC))
            return head + (file.read() if head == _MAGIC else b""), str(path)
    except (OSError, TypeError, ValueError) as error:  # no such file, no path at all, a null character in it
        names = ", ".join(shipped) or "none"
        reason = getattr(error, "strerror", None) or error
        raise BundleError(
            f"cannot read the bundle {str(source)!r} ({reason}); "
            f"give a path to a {BUNDLE_SUFFIX} file or a shipped name ({names})"
        ) from error


def _checked_members(archive: zipfile.ZipFile, names: list[str], manifest: Manifest, label: str) -> Mapping[str, bytes]:
    expected = {manifest.member(graph.name) for graph in manifest.spec.graphs()} | {GOLDEN_MEMBER}
    if set(manifest.members) != expected or sorted(names) != sorted(expected | {MANIFEST_MEMBER}):
        raise BundleError(
            f"{label} holds {sorted(names)}, its manifest hashes {sorted(manifest.members)}, but its spec asks for "
            f"{sorted(expected)}; write the bundle again"
        )
    members = {}
    for name, sha256 in manifest.members.items():
        try:
            members[name] = archive.read(name)
        except _ZIP_ERRORS as error:
            raise HashMismatch(f"{name} in {label} is damaged ({error}); fetch the bundle again") from error
        found = hashlib.sha256(members[name]).hexdigest()
        if found != sha256:
            raise HashMismatch(
                f"{name} in {label} has sha256 {found}, the manifest says {sha256}; fetch the bundle again"
            )
    return members
