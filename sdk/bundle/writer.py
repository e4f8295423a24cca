"""Writing bundles: a stored zip whose members start at multiples of 64 bytes."""

import hashlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.bundle.manifest import Manifest
from densepose_mobile.errors import BundleError, OutputError

__all__ = ["ALIGNMENT", "GOLDEN_MEMBER", "MANIFEST_MEMBER", "bundle_bytes", "write_bundle"]

ALIGNMENT: Final = 64
"""Bytes: a cache line, and what runtimes that map a model from the file ask for."""
MANIFEST_MEMBER: Final = "manifest.json"
GOLDEN_MEMBER: Final = "golden.npz"

_LOCAL_HEADER: Final = 30  # bytes before the name, in the zip format
_PADDING_FIELD: Final = 0xD935  # extra field for alignment; readers skip it
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the zip format's first: equal content gives equal bytes


def write_bundle(
    path: str | Path, manifest: Manifest, graphs: Mapping[str, bytes], golden: Mapping[str, NDArray[Any]]
) -> Manifest:
    """Write a bundle to a temporary name, then rename it.

    graphs: the serialised model that holds each graph, by the graph's name; all graphs of `manifest.spec` and no other.
    A family of `manifest.ONE_FILE` has the same model for all of them.
    golden: "GRAPH/TENSOR" -> array (see `golden.compare`); kept compressed, at the dtype given (float16 saves room).

    Returns the manifest with its `members` filled in. Raises BundleError for missing or unknown graphs, and for several
    models where one belongs, OutputError where the file cannot be written.
    """
    path = Path(path)
    data, complete = bundle_bytes(manifest, graphs, golden)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputError(f"cannot write the bundle {path}: {error.strerror or error}; choose another place") from error
    return complete


def bundle_bytes(
    manifest: Manifest, graphs: Mapping[str, bytes], golden: Mapping[str, NDArray[Any]]
) -> tuple[bytes, Manifest]:
    """The bytes that `write_bundle` writes, and the complete manifest."""
    expected = [graph.name for graph in manifest.spec.graphs()]
    if sorted(graphs) != sorted(expected):
        raise BundleError(f"a bundle of this spec holds the graphs {expected}, but {list(graphs)} were given")
    packed = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(array) for name, array in golden.items()}
    np.savez_compressed(packed, **arrays)
    members: dict[str, bytes] = {}
    for name in expected:
        if members.setdefault(manifest.member(name), graphs[name]) != graphs[name]:
            raise BundleError(
                f"a {manifest.family} bundle holds its graphs in one model, but that of {name!r} is another one than "
                f"that of {expected[0]!r}; merge them first (densepose_mobile.convert.merging)"
            )
    members[GOLDEN_MEMBER] = packed.getvalue()
    complete = replace(manifest, members={name: hashlib.sha256(data).hexdigest() for name, data in members.items()})
    text = json.dumps(complete.as_dict(), indent=1).encode()

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for name, data in {MANIFEST_MEMBER: text, **members}.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = 0o644 << 16
            entry.extra = _padding(archive.tell() + _LOCAL_HEADER + len(name.encode()))
            target.writestr(entry, data)
    return archive.getvalue(), complete


def _padding(offset: int) -> bytes:
    """An extra field (id, length, the alignment, zeros) after which the data, next at `offset`, is aligned."""
    head = struct.calcsize("<HHH")
    zeros = -(offset + head) % ALIGNMENT
    return struct.pack("<HHH", _PADDING_FIELD, 2 + zeros, ALIGNMENT) + bytes(zeros)
