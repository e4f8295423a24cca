"""What a converted model says of itself: the manifest of its bundle, and a model card for people to read."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from densepose_mobile.bundle import Manifest
from densepose_mobile.spec import ModelSpec

__all__ = ["build_manifest", "file_sha256", "model_card"]

_TOOLS: Final = ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert")
_INT8: Final = {
    "weights": "int8, symmetric, one scale a channel",
    "activations": "int8, asymmetric, one scale a tensor",
    "inputs_outputs": "float32",
    "float_operators": "RoI pooling (BATCH_MATMUL and what moves its data)",
}


def file_sha256(path: Path) -> str:
    """sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_manifest(
    name: str,
    model_version: str,
    precision: str,
    spec: ModelSpec,
    atlas_id: str,
    checkpoint: Path,
    header: Mapping[str, Any],
    quantisation: Mapping[str, Any],
    parity: Mapping[str, Any],
) -> Manifest:
    """The manifest of a LiteRT bundle.

    header: of the checkpoint; its recipe, seed and data become the provenance, its metrics the metrics.
    quantisation: calibration set, method, operators kept in floating point; empty unless int8.
    """
    training = {key: value for key, value in header.items() if key not in ("spec", "head_width", "metrics")}
    return Manifest(
        name=name,
        version=model_version,
        target=f"litert-{precision}",
        spec=spec,
        atlas_id=atlas_id,
        provenance={
            "checkpoint_sha256": file_sha256(checkpoint),
            "training": training,
            "tools": {tool: version(tool) for tool in _TOOLS},
        },
        quantisation={**(_INT8 if precision == "int8" else {}), **quantisation},
        metrics={"training": header.get("metrics", {}), "parity": dict(parity)},
    )


def model_card(manifest: Manifest, sizes: Mapping[str, int]) -> str:
    """A model card in Markdown (Mitchell et al., FAT* 2019, abridged): what it is, made of what, and how good.

    sizes: bytes of each graph.
    """
    lines = [
        f"# {manifest.name} {manifest.version} ({manifest.target})",
        "",
        "People in pictures to body parts and surface coordinates, for phones. "
        f"Licence {manifest.licence}. Atlas `{manifest.atlas_id[:12]}`.",
        "",
        "| graph | inputs | outputs | MB |",
        "|---|---|---|---|",
    ]
    for graph in manifest.spec.graphs():
        sides = [
            ", ".join(f"{tensor.name} {'x'.join(map(str, tensor.shape))}" for tensor in side)
            for side in (graph.inputs, graph.outputs)
        ]
        lines.append(f"| {graph.name} | {sides[0]} | {sides[1]} | {sizes[graph.name] / 1e6:.2f} |")
    for title, figures in (
        ("Made of", manifest.provenance),
        ("Quantisation", manifest.quantisation),
        ("Measured", manifest.metrics),
    ):
        if figures:
            lines += ["", f"## {title}", *_bullets(figures)]
    return "\n".join(lines) + "\n"


def _bullets(figures: Mapping[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, value in figures.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}- {key}:", *_bullets(value, indent + "  ")] if value else []
        else:
            lines.append(f"{indent}- {key}: {value}")
    return lines
