"""What a converted model says of itself: the manifest of its bundles. `convert.card` makes it a page to read."""

from collections.abc import Mapping
from typing import Any, Final

from densepose_mobile.bundle import Manifest
from densepose_mobile.convert.network import Network
from densepose_mobile.convert.targets import Target

__all__ = ["build_manifest"]

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
