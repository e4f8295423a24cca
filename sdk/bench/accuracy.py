"""Accuracy beside latency: what `evaluate` measured of the same bundle in the same mode."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from densepose_mobile.errors import InputError

__all__ = ["ACCURACY_MEASURES", "Accuracy", "read_accuracy"]

ACCURACY_MEASURES: Final[Mapping[str, str]] = {
    "recall": "recall",
    "mask_iou": "mask IoU",
    "keypoint_agreement": "keypoints",
}
"""Measure of an evaluation report -> its heading in a table."""


@dataclass(frozen=True)
class Accuracy:
    """The figures of one results file of `evaluate`."""

    source: str  # the file's stem
    sha256: str  # of the bundle
    mode: str
    measures: Mapping[str, float]  # of ACCURACY_MEASURES, those that the file has


def read_accuracy(path: Path) -> Accuracy:
    """Read a file written by `evaluate --out`. Raises InputError for another file, or one about no model's mode."""
    try:
        content = json.loads(path.read_text("utf-8"))
        sha256, mode = content["model"]["sha256"], content["options"]["mode"]
        measured = content["report"]["measures"]
        measures = {name: float(measured[name]["value"]) for name in ACCURACY_MEASURES if name in measured}
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); give a file of `evaluate --out`") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no results file of `evaluate` ({error!r}); give one written by --out") from error
    if mode is None:
        raise InputError(f"{path} measures predictions from a file, not a model; give one about a model")
    return Accuracy(path.stem, sha256, mode, measures)
