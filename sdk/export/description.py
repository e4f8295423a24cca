"""`model.json`: all that an app must know of a model besides its graphs."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from densepose_mobile.bundle import Bundle
from densepose_mobile.export.encoding import spec_fields
from densepose_mobile.imaging.letterbox import INPUT_MEAN, INPUT_SCALE
from densepose_mobile.options import Options
from densepose_mobile.parts import KAPPA, MIRROR, MIRROR_FLIPS_U, MIRROR_FLIPS_V, PART_NAMES
from densepose_mobile.postprocess.closer import WORTHWHILE
from densepose_mobile.postprocess.mirror import MEAN_SCORE

__all__ = ["FORMAT", "describe_model"]

FORMAT: Final = 2
"""Version of the layout of `model.json`."""

_TENSOR: Final = "float32, channels last, after the rule"
_IMAGE: Final = "image of bytes; the graph applies the rule"
_THRESHOLDS: Final = ("score", "doubtful", "presence", "max_people", "overlap", "duplicate", "closer_looks")


def describe_model(bundle: Bundle, graphs: Mapping[str, Mapping[str, bytes]]) -> dict[str, Any]:
    """The content of `model.json`: plain values for JSON.

    graphs: what stands beside it, for each graph: path from there -> content. More than one file of a graph lie in one
    folder; a file of several graphs has a signature for each. Each file's size and sha256 are given.
    """
    manifest = bundle.manifest
    about = manifest.as_dict()
    options = Options()
    return {
        "format": FORMAT,
        "name": manifest.name,
        "version": manifest.version,
        "target": manifest.target,
        "licence": manifest.licence,
        "atlas": manifest.atlas_id,
        "input": {
            "colour": "RGB",
            "range": [0, 255],
            "mean": INPUT_MEAN,
            "scale": INPUT_SCALE,
            "rule": "input = (value - mean) / scale; 0 beyond the picture",
            "given_as": _IMAGE if manifest.family == "coreml" else _TENSOR,
        },
        "spec": {
            **spec_fields(manifest.spec),
            "num_locations": manifest.spec.num_locations,
            "track_roi": list(manifest.spec.track_roi),
        },
        "roi": {
            "frame": "px of detect's input, pixel centres at +0.5",
            "pooling": "wy * features * transpose(wx): RoIAlign, aligned, half-cell offset, features 0 beyond the map",
            "samples_per_cell": 2,
        },
        "thresholds": {
            **{name: getattr(options, name) for name in _THRESHOLDS},
            "mean_score": MEAN_SCORE,
            "worthwhile": WORTHWHILE,
            "foreground_logit": 0.0,
        },
        "parts": list(PART_NAMES),
        "mirror": MIRROR.tolist(),
        "mirror_flips": {"u": np.flatnonzero(MIRROR_FLIPS_U).tolist(), "v": np.flatnonzero(MIRROR_FLIPS_V).tolist()},
        "kappa_m": [None if part == 0 else round(float(kappa), 6) for part, kappa in enumerate(KAPPA)],
        "quantisation": about["quantisation"],
        "metrics": about["metrics"],
        "provenance": about["provenance"],
        "graphs": {name: {**about["graphs"][name], "file": min(files).split("/")[0]} for name, files in graphs.items()},
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for files in graphs.values()
            for name, data in files.items()
        },
    }
