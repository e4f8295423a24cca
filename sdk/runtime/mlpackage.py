"""Core ML graphs as files: the unpacked `.mlpackage`, its description, and pictures as it takes them."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.cache import unpacked
from densepose_mobile.runtime.protocol import check_named_tensors
from densepose_mobile.spec import GraphSpec

__all__ = ["Package", "coremltools", "open_package", "to_pixels"]

_SUFFIX: Final = ".mlpackage"
_SCALE: Final = 127.5  # of the input spec: pixels are (x + 1) * 127.5
_WEIGHTS: Final = Path("Data") / "com.apple.CoreML" / "weights"


@dataclass(frozen=True)
class Package:
    """An unpacked graph. proto: its `Model` message; pictures: names of the inputs that take pixels, not arrays."""

    path: Path
    proto: Any
    pictures: frozenset[str]

    @property
    def weights(self) -> Path:
        """Folder of the weight file."""
        return self.path / _WEIGHTS


def coremltools() -> Any:
    """The module, without the warnings that it gives when it is imported. Raises BackendUnavailable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import coremltools as module
    except ImportError as error:
        raise BackendUnavailable(
            f'coremltools does not load ({error}): pip install "densepose-mobile[coreml]"'
        ) from error
    return module


def open_package(tools: Any, spec: GraphSpec, model: bytes) -> Package:
    """Unpack a graph and compare it with its spec.

    tools: `coremltools()`. model: an uncompressed zip of the `.mlpackage` folder. Raises BundleError where the package
    is none, or has other inputs or outputs than the spec.
    """
    label = f"graph {spec.name!r}"
    folder = unpacked(model, label)
    packages = sorted(folder.glob(f"*{_SUFFIX}"))
    if len(packages) != 1:
        raise BundleError(f"{label} holds {len(packages)} {_SUFFIX} folders instead of one; convert the model again")
    try:
        proto = tools.models.utils.load_spec(str(packages[0]))
    except Exception as error:  # protobuf's, and whatever a damaged package makes coremltools raise
        raise BundleError(f"coremltools cannot read {label} ({error}); convert the model again") from error
    for side, tensors in (("input", spec.inputs), ("output", spec.outputs)):
        found = {tensor.name: _described(tensor.type) for tensor in getattr(proto.description, side)}
        check_named_tensors(spec.name, side, tensors, found)
    pictures = (tensor.name for tensor in proto.description.input if tensor.type.WhichOneof("Type") == "imageType")
    return Package(packages[0], proto, frozenset(pictures))


def to_pixels(array: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Normalised pictures (..., 3), -1..1, as the 0..255 levels from which they were made."""
    return np.clip(np.rint((array + 1) * _SCALE), 0, 255).astype(np.uint8)


def _described(kind: Any) -> tuple[tuple[int, ...], str]:
    """Shape and dtype in the spec's terms: a picture is the normalised array that stands for it."""
    if kind.WhichOneof("Type") == "imageType":
        picture = kind.imageType
        colour = picture.ColorSpace.Name(picture.colorSpace)
        size = (1, int(picture.height), int(picture.width), 3)
        return size, "float32" if colour == "RGB" else f"a picture in {colour}"
    array = kind.multiArrayType
    dtype = array.ArrayDataType.Name(array.dataType).lower()
    return tuple(int(n) for n in array.shape), dtype
