"""A torch module with the inputs and outputs of a `GraphSpec` as a Core ML program in float16."""

import io
import json
import logging
import tempfile
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import Tensor, nn

from densepose_mobile.convert.tracing import conversion, trace
from densepose_mobile.spec import GraphSpec, TensorSpec

__all__ = ["AUTHOR", "LICENCE", "to_coreml"]

_log = logging.getLogger(__name__)

AUTHOR: Final = "densepose-mobile"
LICENCE: Final = "Apache-2.0"

_CONVERTED: Final = "com.github.apple.coremltools.conversion_date"  # equal models give equal bytes
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the zip format's first
_PURPOSE: Final = {
    "detect": "Whole picture to features, and scores and boxes of people.",
    "dense": "Features and separable RoI weights to body part, surface coordinates U and V, and confidence.",
    "track": "One person's crop to body part, surface coordinates U and V, confidence, presence and box.",
}
_MEANING: Final = {
    "image": "RGB picture, 0..255.",
    "features": "Features at stride 4, channels last.",
    "wy": "Weights of rows for each cell of the RoI.",
    "wx": "Weights of columns for each cell of the RoI.",
    "scores": "Logit of a person at each location; levels in order, each row-major.",
    "boxes": "Left, top, right, bottom distances in strides of the location's level.",
    "foreground": "Logit of any body part in the cell.",
    "parts": "Logit of each part 1..24.",
    "u": "U, 0..1, of each part 1..24.",
    "v": "V, 0..1, of each part 1..24.",
    "confidence": "Logit that the predicted surface point is right.",
    "presence": "Logit of a person in the crop.",
    "box": "x0, y0, x1, y1 of the person in units of the crop.",
}


class _Picture(nn.Module):
    """Takes the picture channels first, as a Core ML image comes; the permutations cancel in the conversion."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return self.module(image.permute(0, 2, 3, 1))


def to_coreml(module: nn.Module, graph: GraphSpec, version: str = "", notes: Mapping[str, str] | None = None) -> bytes:
    """Trace and convert to an ML program for iOS 17 that computes in float16.

    module: in evaluation mode; takes and returns the tensors of `graph` in its order, channels last. Inputs and outputs
    have the names of `graph` and are float32 of its shapes, except that `image` is an RGB image whose pixels the
    program itself brings from 0..255 to -1..1. version, notes: of the model; kept in its metadata.

    Returns a stored zip of the package, `GRAPH.mlpackage/...`.

    Raises:
        ConversionError: the module does not fit `graph`, or holds something that Core ML cannot express.
    """
    picture = [tensor.name for tensor in graph.inputs] == ["image"]
    traced = GraphSpec(graph.name, (_channels_first(graph.inputs[0]),), graph.outputs) if picture else graph
    program = trace(_Picture(module).eval() if picture else module, traced)
    with conversion(graph, "Core ML"):
        import coremltools as ct  # takes seconds, and warns

        model = ct.convert(
            program.run_decompositions({}),
            convert_to="mlprogram",
            inputs=[_input(tensor) for tensor in traced.inputs],
            outputs=[ct.TensorType(name=tensor.name, dtype=np.float32) for tensor in graph.outputs],
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT16,
            skip_model_load=True,
        )
        model.author, model.license, model.version = AUTHOR, LICENCE, version
        model.user_defined_metadata.pop(_CONVERTED, None)
        model.user_defined_metadata.update(notes or {})
        kind = graph.name.partition("_")[0]
        model.short_description = _PURPOSE.get(kind, graph.name)
        for tensor in graph.inputs:
            model.input_description[tensor.name] = _MEANING.get(tensor.name, tensor.name)
        for tensor in graph.outputs:
            model.output_description[tensor.name] = _MEANING.get(tensor.name, tensor.name)
        package = _zipped(model, graph.name)
    _log.info("converted %s to Core ML, %.2f MB", graph.name, len(package) / 1e6)
    return package


def _channels_first(tensor: TensorSpec) -> TensorSpec:
    batch, height, width, channels = tensor.shape
    return TensorSpec(tensor.name, (batch, channels, height, width))


def _input(tensor: TensorSpec) -> Any:
    import coremltools as ct

    if tensor.name == "image":
        return ct.ImageType(
            name=tensor.name,
            shape=tensor.shape,
            scale=1 / 127.5,
            bias=[-1.0, -1.0, -1.0],
            color_layout=ct.colorlayout.RGB,
        )
    return ct.TensorType(name=tensor.name, shape=tensor.shape, dtype=np.float32)


def _zipped(model: Any, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / f"{name}.mlpackage"
        model.save(str(package))
        _settle(package)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
            for path in sorted(path for path in package.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _DATE)
                entry.external_attr = 0o644 << 16
                target.writestr(entry, path.read_bytes())
    return archive.getvalue()


def _settle(package: Path) -> None:
    """Make equal models equal bytes: coremltools draws the ids of items, and writes mappings in any order."""
    from coremltools.proto import Model_pb2

    manifest = package / "Manifest.json"
    text = manifest.read_text("utf-8")
    items = json.loads(text)["itemInfoEntries"]
    for key, item in items.items():
        text = text.replace(key, str(uuid.uuid5(uuid.NAMESPACE_URL, item["path"])).upper())
    manifest.write_text(json.dumps(json.loads(text), indent=2, sort_keys=True), "utf-8")
    (proto,) = package.rglob("*.mlmodel")
    proto.write_bytes(Model_pb2.Model.FromString(proto.read_bytes()).SerializeToString(deterministic=True))
