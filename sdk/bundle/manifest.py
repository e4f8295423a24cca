"""The manifest of a bundle: what the model is, where it comes from, and the hash of each member."""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from densepose_mobile.errors import BundleError, UnsupportedSchema
from densepose_mobile.spec import GraphSpec, ModelSpec

__all__ = ["ONE_FILE", "SCHEMA", "SUFFIXES", "Manifest"]

SCHEMA: Final = 2
"""The bundle layout that this version reads and writes."""

SUFFIXES: Final[Mapping[str, str]] = {
    "litert": ".tflite",
    "onnx": ".onnx",
    "executorch": ".pte",  # lowered to XNNPACK
    "executorch-coreml": ".pte",
    "executorch-vulkan": ".pte",
    "coreml": ".mlpackage.zip",  # a stored zip of the package's folder
}
"""File suffix of a graph, by target family."""

ONE_FILE: Final = frozenset({"litert"})
"""Families whose graphs lie in one file, each under a signature of its name: what they share is stored once."""

_ONE_NAME: Final = "model"


@dataclass(frozen=True)
class Manifest:
    """Everything that a bundle says about itself.

    The free-form mappings hold what JSON holds. `members` is filled in when a bundle is written.
    Raises BundleError for a target family that is unknown.
    """

    name: str
    version: str
    target: str  # family-precision, such as "litert-int8" or "executorch-coreml-fp16"
    spec: ModelSpec
    atlas_id: str  # the atlas whose charts the parts, U and V refer to
    licence: str = "Apache-2.0"
    provenance: Mapping[str, Any] = field(default_factory=dict)  # training and calibration data, recipe, seed
    quantisation: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)  # member of the zip -> sha256 in hex
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.family not in SUFFIXES or not self.precision:
            raise BundleError(
                f"target {self.target!r} is not FAMILY-PRECISION with a family of {', '.join(SUFFIXES)}; "
                'name it like "litert-int8"'
            )

    @property
    def family(self) -> str:
        """What runs the graphs: a key of `SUFFIXES`."""
        return self.target.rpartition("-")[0]

    @property
    def precision(self) -> str:
        """int8, fp16 or fp32."""
        return self.target.rpartition("-")[2]

    def member(self, graph: str) -> str:
        """Name of the file in the zip that holds a graph."""
        return (_ONE_NAME if self.family in ONE_FILE else graph) + SUFFIXES[self.family]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON. Adds each graph's file, signature, inputs and outputs, for other languages."""
        values = asdict(self)
        values["graphs"] = _graph_table(self)
        return {"schema": values.pop("schema"), **values}

    @classmethod
    def from_dict(cls, values: Any) -> "Manifest":
        """Read what `as_dict` wrote.

        Raises UnsupportedSchema for another layout, BundleError for anything missing, unknown or of the wrong type.
        """
        if not isinstance(values, dict):
            raise BundleError(f"the manifest is a JSON {type(values).__name__}, not an object; write the bundle again")
        schema = values.get("schema")
        if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
            raise BundleError(f"the manifest's schema is {schema!r}, not a whole number >= 1; write the bundle again")
        if schema != SCHEMA:
            mend = "pip install --upgrade densepose-mobile" if schema > SCHEMA else "convert its checkpoint again"
            raise UnsupportedSchema(f"the bundle has schema {schema}, this version reads schema {SCHEMA}: {mend}")
        values = dict(values)
        graphs = values.pop("graphs", None)
        spec = _build(ModelSpec, "the manifest's spec", _tuples(values.pop("spec", None)))
        manifest = _build(cls, "the manifest", {**values, "spec": spec})
        try:
            matches = graphs == _graph_table(manifest)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise BundleError(f"the manifest's spec {spec} makes no graphs: {error}; write the bundle again") from error
        if not matches:
            raise BundleError("the manifest's graphs are not those of its spec; write the bundle again")
        return manifest


def _graph_table(manifest: Manifest) -> dict[str, Any]:
    table = {}
    for graph in manifest.spec.graphs():
        signature = {"signature": graph.name} if manifest.family in ONE_FILE else {}
        table[graph.name] = {"file": manifest.member(graph.name), **signature, **_tensors(graph)}
    return table


def _tensors(graph: GraphSpec) -> dict[str, Any]:
    sides = {"inputs": graph.inputs, "outputs": graph.outputs}
    return {side: [{"name": t.name, "shape": list(t.shape)} for t in tensors] for side, tensors in sides.items()}


def _tuples(values: Any) -> Any:
    """JSON has no tuples: the spec's lists were tuples."""
    if not isinstance(values, dict):
        return values
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _build(kind: Any, what: str, values: Any) -> Any:
    """Make a dataclass of a JSON object, or say which key is wrong."""
    if not isinstance(values, dict):
        raise BundleError(f"{what} is {values!r}, not an object; write the bundle again")
    known = {f.name: f for f in fields(kind)}
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise BundleError(f"{what} has an unknown key {key!r}" + (f"; is it {near[0]!r}?" if near else ""))
    expected = _TYPES[kind]
    for key in known:
        if key not in values:
            raise BundleError(f"{what} lacks {key!r}; write the bundle again")
        kinds = expected.get(key, (int,))
        if not isinstance(values[key], kinds) or isinstance(values[key], bool):
            raise BundleError(
                f"{what} has {key} = {values[key]!r}, where {kinds[0].__name__} belongs; write the bundle again"
            )
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise BundleError(f"{what} is not usable: {error}; write the bundle again") from error


_TYPES: Final[Mapping[Any, Mapping[str, tuple[type, ...]]]] = {
    ModelSpec: {
        "track_margin": (float, int),
        "roi_margin": (float, int),
        "roi_min_aspect": (float, int),
        "level_strides": (tuple,),
        "roi_batches": (tuple,),
    },
    Manifest: {
        "spec": (ModelSpec,),
        **dict.fromkeys(("name", "version", "target", "atlas_id", "licence"), (str,)),
        **dict.fromkeys(("provenance", "quantisation", "metrics", "members"), (dict,)),
    },
}
