"""A bundle as plain files for Gradle or Xcode: graphs, `model.json`, host steps in the platform's language, vectors."""

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from densepose_mobile.bundle import Bundle, Manifest
from densepose_mobile.errors import AssetError, BundleError, InputError, OutputError
from densepose_mobile.export.description import describe_model
from densepose_mobile.export.vectors import golden_vectors

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["PLATFORMS", "Platform", "PlatformName", "export_bundle"]

PlatformName = Literal["android", "ios"]


@dataclass(frozen=True)
class Platform:
    """A phone's operating system, and which targets run on it."""

    name: PlatformName
    language: str  # of the host steps
    targets: tuple[str, ...]  # families, in the order of preference
    delegates: tuple[str, ...]  # of another system: a target with one of them does not run here

    def takes(self, manifest: Manifest) -> bool:
        """Whether the graphs run here. A target is FAMILY[-DELEGATE]-PRECISION."""
        family, *rest = manifest.target.split("-")
        return family in self.targets and not set(self.delegates) & set(rest)


_SOURCES: Final = (".kt", ".swift", ".md")  # not what a build left beside them

PLATFORMS: Final[Mapping[str, Platform]] = {
    platform.name: platform
    for platform in (
        Platform("android", "Kotlin", ("litert", "executorch", "onnx"), ("coreml",)),
        Platform("ios", "Swift", ("coreml", "litert", "executorch", "onnx"), ("vulkan",)),
    )
}


def export_bundle(bundle: Bundle, platform: str, out: str | Path) -> Path:
    """Write the plain files of a bundle for an app.

    platform: "android" or "ios". out: a folder that does not exist or is empty. It gets

    - model/: the graphs and `model.json` (see `description.describe_model`); a Core ML graph is a folder .mlpackage;
    - host/: the host steps in Kotlin or Swift with their tests, and a README that shows how to call them;
    - vectors/: the golden vectors that those tests read, and a README that describes them.

    All of it is written under another name and then renamed. Returns the folder. Raises BundleError where the bundle's
    target does not run on the platform, OutputError where the folder is in use or cannot be written, AssetError where
    this installation lacks the host steps, InputError for an unknown platform.
    """
    chosen = PLATFORMS.get(platform)
    if chosen is None:
        raise InputError(f"platform {platform!r} is unknown; use {' or '.join(PLATFORMS)}")
    _check_fit(bundle, chosen)
    folder = Path(out)
    graphs = _graph_files(bundle)
    description = json.dumps(describe_model(bundle, graphs), indent=1, allow_nan=False) + "\n"
    files = {f"model/{name}": data for each in graphs.values() for name, data in each.items()}
    files["model/model.json"] = description.encode()
    files |= {
        f"host/{name}": data for name, data in _sources(chosen.name, f"the host steps in {chosen.language}").items()
    }
    files |= {
        f"vectors/{name}": data for name, data in _sources("vectors", "the description of the golden vectors").items()
    }
    files |= {f"vectors/{file.step}.json": file.text().encode() for file in golden_vectors()}
    with _partial_folder(folder) as partial:
        for name, data in files.items():
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder


def _check_fit(bundle: Bundle, platform: Platform) -> None:
    if platform.takes(bundle.manifest):
        return
    raise BundleError(
        f"{bundle.source} is of the target {bundle.manifest.target}, which does not run on {platform.name}; it takes "
        f"{', '.join(platform.targets)}: make one with `densepose-mobile convert CHECKPOINT`, or give a shipped one "
        "(`densepose-mobile info` lists them)"
    )


def _graph_files(bundle: Bundle) -> dict[str, dict[str, bytes]]:
    """For each graph, path -> content. Core ML's packages, which are folders, come zipped in a bundle."""
    files = {}
    for graph in bundle.spec.graphs():
        data = bundle.graph(graph.name)
        if bundle.manifest.family == "coreml" and zipfile.is_zipfile(io.BytesIO(data)):
            files[graph.name] = _unpacked(data, f"{graph.name}.mlpackage", bundle.source)
        else:
            files[graph.name] = {bundle.manifest.member(graph.name): data}
    return files


def _unpacked(data: bytes, package: str, source: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    for name in files:
        path = PurePosixPath(name)
        if ".." in path.parts or "\\" in name or path.parts[0] != package:
            raise BundleError(f"{source} holds {name!r}, which is no file of {package}; convert the model again")
    return files


def _sources(name: str, what: str) -> dict[str, bytes]:
    """Path -> content of a folder of the apps package. They are data of it; nothing of it is imported."""
    try:
        folder = resources.files("densepose_mobile.apps") / name
        files = dict(_walk(folder, "")) if folder.is_dir() else {}
    except ModuleNotFoundError:
        files = {}
    if not files:
        raise AssetError(f"this installation lacks {what}: pip install --force-reinstall densepose-mobile")
    return files


def _walk(folder: "Traversable", prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and not entry.name.startswith("."):
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SOURCES):
            yield prefix + entry.name, entry.read_bytes()


@contextmanager
def _partial_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder`, which takes its place when all went well. Raises OutputError."""
    partial = folder.absolute().with_name(f".{folder.absolute().name}.{os.getpid()}.partial")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(f"{folder} is there already: remove it or choose another folder")
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
    except OSError as error:
        raise OutputError(
            f"cannot write {folder} ({error.strerror or error}): free some room or choose another"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
