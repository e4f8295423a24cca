"""Is the predicted confidence true, and does it rank errors? Reliability and risk-coverage.

Reliability and ECE: Guo et al., On Calibration of Modern Neural Networks, 2017. Risk-coverage: Geifman and El-Yaniv,
Selective Classification for Deep Neural Networks, 2017.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConfidenceCurves", "ConfidenceSamples", "confidence_curves"]


@dataclass(frozen=True, eq=False)
class ConfidenceSamples:
    """Predicted confidences, and whether each surface point erred by less than kappa."""

    confidence: NDArray[np.float32]  # (N,) 0..1
    correct: NDArray[np.bool_]  # (N,)

    @classmethod
    def join(cls, samples: "list[ConfidenceSamples]") -> "ConfidenceSamples":
        """All samples in one."""
        return cls(
            np.concatenate([np.zeros(0, np.float32), *(s.confidence for s in samples)]),
            np.concatenate([np.zeros(0, bool), *(s.correct for s in samples)]),
        )


@dataclass(frozen=True)
class ConfidenceCurves:
    """Reliability in bins of equal width, and the risk among the most confident part of the samples."""

    count: int
    edges: tuple[float, ...]  # bins + 1
    confidence: tuple[float | None, ...]  # mean of each bin, None where empty
    accuracy: tuple[float | None, ...]  # fraction correct of each bin
    samples: tuple[int, ...]  # of each bin
    ece: float  # expected calibration error: mean |accuracy - confidence| over samples' bins
    coverage: tuple[float, ...]  # fraction of samples kept, most confident first
    risk: tuple[float, ...]  # fraction wrong among them
    aurc: float  # mean risk over all coverages; equals the overall risk when confidence says nothing


def confidence_curves(samples: ConfidenceSamples, bins: int = 10, points: int = 20) -> ConfidenceCurves | None:
    """Curves of a set of samples; None when it is empty. Equally confident samples share their mean risk."""
    confidence, correct = samples.confidence.astype(np.float64), samples.correct.astype(np.float64)
    if not confidence.size:
        return None
    edges = np.linspace(0, 1, bins + 1)
    which = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    full = np.maximum(count, 1)
    mean = np.bincount(which, confidence, bins) / full
    accuracy = np.bincount(which, correct, bins) / full
    values, group = np.unique(-confidence, return_inverse=True)
    wrong_share = (np.bincount(group, 1 - correct, len(values)) / np.bincount(group, minlength=len(values)))[group]
    wrong = wrong_share[np.argsort(-confidence, kind="stable")]
    risk = np.cumsum(wrong) / np.arange(1, wrong.size + 1)
    kept = np.maximum(np.round(np.linspace(0, 1, points + 1)[1:] * wrong.size).astype(int), 1)
    return ConfidenceCurves(
        count=int(wrong.size),
        edges=tuple(edges.tolist()),
        confidence=tuple(float(v) if n else None for v, n in zip(mean, count, strict=True)),
        accuracy=tuple(float(v) if n else None for v, n in zip(accuracy, count, strict=True)),
        samples=tuple(count.tolist()),
        ece=float((count * np.abs(accuracy - mean)).sum() / wrong.size),
        coverage=tuple((kept / wrong.size).tolist()),
        risk=tuple(risk[kept - 1].tolist()),
        aurc=float(risk.mean()),
    )
