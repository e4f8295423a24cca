"""What a converted model says of itself: the manifest of its bundles, and a model card for people to read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from densepose_mobile.bundle import Manifest
from densepose_mobile.convert.network import Network
from densepose_mobile.convert.targets import Target

__all__ = ["build_manifest", "model_card"]

_INT8: Final = {
    "weights": "int8, symmetric, one scale a channel",
    "activations": "int8, asymmetric, one scale a tensor",
    "inputs_outputs": "float32",
    "float_operators": "RoI pooling (BATCH_MATMUL and what moves its data)",
}


def build_manifest(
    name: str, target: Target, network: Network, header: Mapping[str, Any], parity: Mapping[str, Any]
) -> Manifest:
    """The manifest of one target's bundle.

    header: of the checkpoint; its recipe, seed and data become the provenance, its metrics the metrics.
    parity: what was measured of the target against torch.
    """
    training = {key: value for key, value in header.items() if key not in ("spec", "head_width", "metrics")}
    quantised = target.precision == "int8"
    return Manifest(
        name=name,
        version=network.version,
        target=target.name,
        spec=network.spec,
        atlas_id=network.atlas_id,
        provenance={"checkpoint_sha256": network.sha256, "training": training, "tools": target.versions()},
        quantisation={**_INT8, **network.required_quantisation().as_dict()} if quantised else {},
        metrics={"training": header.get("metrics", {}), "parity": dict(parity)},
    )


def model_card(
    manifests: Sequence[Manifest], sizes: Mapping[str, Mapping[str, int]], parity: Mapping[str, Mapping[str, Any]]
) -> str:
    """A model card in Markdown (Mitchell et al., FAT* 2019, abridged): what it is, made of what, and how good.

    manifests: of bundles of one model, the first one's provenance is shown. sizes: bytes of each graph, by target.
    parity: figures by target, of these bundles and of others of the same weights.
    """
    first = manifests[0]
    lines = [
        f"# {first.name} {first.version}",
        "",
        "People in pictures to body parts and surface coordinates, for phones. "
        f"Licence {first.licence}. Atlas `{first.atlas_id[:12]}`.",
        "",
        "| graph | inputs | outputs |",
        "|---|---|---|",
    ]
    for graph in first.spec.graphs():
        sides = [
            ", ".join(f"{tensor.name} {'x'.join(map(str, tensor.shape))}" for tensor in side)
            for side in (graph.inputs, graph.outputs)
        ]
        lines.append(f"| {graph.name} | {sides[0]} | {sides[1]} |")
    names = [graph.name for graph in first.spec.graphs()]
    lines += ["", "## Megabytes", "", f"| target | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for target, bytes_of in sizes.items():
        lines.append(f"| {target} | {' | '.join(f'{bytes_of[name] / 1e6:.2f}' for name in names)} |")
    lines += _parity_table(parity)
    quantisation = {manifest.target: manifest.quantisation for manifest in manifests if manifest.quantisation}
    tools = {manifest.target: manifest.provenance["tools"] for manifest in manifests}
    made = {**{key: value for key, value in first.provenance.items() if key != "tools"}, "tools": tools}
    for title, figures in (
        ("Made of", made),
        ("Quantisation", quantisation),
        ("Measured in training", first.metrics["training"]),
    ):
        if figures:
            lines += ["", f"## {title}", "", *_bullets(figures)]
    return "\n".join(lines) + "\n"


def _parity_table(parity: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One row a target: the chain detect -> dense against torch."""
    rows = []
    for target, figures in parity.items():
        chain = figures.get("graphs", {}).get("chain")
        if chain is None:
            rows.append(f"| {target} | {figures['run']} | | | | |")
            continue
        worst = min(figures["sqnr_db"] for figures in chain["outputs"].values())
        largest = max(figures["max_abs"] for figures in chain["outputs"].values())
        agreement, uv = chain["maps"]["label_agreement"], chain["maps"]["uv_mean_abs"]
        rows.append(f"| {target} | {figures['run']} | {worst} | {largest} | {agreement} | {uv} |")
    if not rows:
        return []
    return [
        "",
        "## Against torch",
        "",
        "Detection, then dense maps, on the same pictures: the least SQNR and the largest difference of any map.",
        "",
        "| target | run by | SQNR, dB | difference | labels agreeing | mean error of U, V |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


def _bullets(figures: Mapping[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, value in figures.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}- {key}:", *_bullets(value, indent + "  ")] if value else []
        else:
            lines.append(f"{indent}- {key}: {value}")
    return lines
