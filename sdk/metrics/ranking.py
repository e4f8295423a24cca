"""Average precision and recall over similarity thresholds, as COCO defines them, resampled by picture.

Matching never crosses pictures, so it is done once; a bootstrap resample only weighs the pictures anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["AREA_RANGES", "MAX_DETECTIONS", "THRESHOLDS", "RankedPicture", "Ranking"]

THRESHOLDS: Final[NDArray[np.float64]] = np.linspace(0.5, 0.95, 10)
MAX_DETECTIONS: Final = 20
AREA_RANGES: Final[dict[str, tuple[float, float]]] = {
    "all": (0, np.inf),
    "medium": (32**2, 96**2),
    "large": (96**2, np.inf),
}
"""px² of the person's mask: above the lower, up to the upper bound."""

_RECALLS: Final = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class RankedPicture:
    """Similarity of one picture's predictions to its annotated people."""

    scores: NDArray[np.float32]  # (D,)
    areas: NDArray[np.float32]  # (D,) px² of the predicted mask
    similarity: NDArray[np.float32]  # (D, G) 0..1; overlap instead where the truth is ignored
    truth_areas: NDArray[np.float32]  # (G,) px² of the true mask
    ignored: NDArray[np.bool_]  # (G,) neither found nor missed: crowds, and people without surface points
    crowd: NDArray[np.bool_]  # (G,) may take any number of predictions


@dataclass(frozen=True, eq=False)
class Ranking:
    """All predictions of a set of pictures, best first, each right, wrong or ignored at each threshold."""

    picture: NDArray[np.intp]  # (D,) index of its picture
    right: NDArray[np.bool_]  # (T, D)
    ignored: NDArray[np.bool_]  # (T, D)
    positives: NDArray[np.intp]  # (pictures,) people to be found

    @classmethod
    def build(cls, pictures: Sequence[RankedPicture], area: str = "all") -> "Ranking":
        """Match each picture's best predictions with its people at each threshold (COCO's greedy rule)."""
        matched = [_match(picture, *AREA_RANGES[area]) for picture in pictures]
        scores = np.concatenate([m[0] for m in matched]) if matched else np.zeros(0)
        order = np.argsort(-scores, kind="stable")
        empty = np.zeros((len(THRESHOLDS), 0), bool)
        return cls(
            picture=np.repeat(np.arange(len(matched)), [len(m[0]) for m in matched])[order].astype(np.intp),
            right=np.concatenate([empty, *(m[1] for m in matched)], axis=1)[:, order],
            ignored=np.concatenate([empty, *(m[2] for m in matched)], axis=1)[:, order],
            positives=np.array([m[3] for m in matched], np.intp),
        )

    def precision_recall(self, weights: NDArray[np.integer] | None = None) -> tuple[float, float]:
        """AP (mean of 101 interpolated precisions) and AR (greatest recall), each averaged over the thresholds.

        weights: (pictures,) how often each picture counts; once when None. Returns nan, nan without people to find.
        """
        weights = np.ones(len(self.positives), np.intp) if weights is None else weights
        wanted = float(weights @ self.positives)
        if not wanted:
            return float("nan"), float("nan")
        if not self.picture.size:
            return 0.0, 0.0
        weight = weights[self.picture]
        right = np.cumsum(self.right * weight, axis=1)
        counted = np.cumsum(~self.ignored * weight, axis=1)
        recall = right / wanted
        precision = np.divide(right, counted, out=np.zeros_like(recall), where=counted > 0)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        envelope = np.concatenate([envelope, np.zeros((len(envelope), 1))], axis=1)
        at = [np.searchsorted(row, _RECALLS) for row in recall]
        return float(np.mean([row[place] for row, place in zip(envelope, at, strict=True)])), float(
            recall[:, -1].mean()
        )


def _match(
    picture: RankedPicture, smallest: float, largest: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], int]:
    best = np.argsort(-picture.scores, kind="stable")[:MAX_DETECTIONS]
    similarity, areas = picture.similarity[best], picture.areas[best]
    ignored = picture.ignored | (picture.truth_areas <= smallest) | (picture.truth_areas > largest)
    right = np.zeros((len(THRESHOLDS), len(best)), bool)
    passed = np.zeros_like(right)
    for level, threshold in enumerate(THRESHOLDS):
        taken = np.zeros(len(ignored), bool)
        for row in range(len(best)):
            free = (similarity[row] >= threshold) & (~taken | picture.crowd)
            candidates = free & ~ignored if (free & ~ignored).any() else free
            if candidates.any():
                column = int(np.where(candidates, similarity[row], -1).argmax())
                taken[column] = True
                right[level, row], passed[level, row] = not ignored[column], ignored[column]
            else:
                passed[level, row] = not smallest < areas[row] <= largest
    return picture.scores[best], right, passed, int((~ignored).sum())
