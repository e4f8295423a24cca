"""Average precision and recall over similarity thresholds, as COCO defines them, resampled by picture.

Matching never crosses pictures, so it is done once; a bootstrap resample only weighs the pictures anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["AREA_RANGES", "MAX_DETECTIONS", "THRESHOLDS", "Precision", "RankedPicture", "Ranking"]

THRESHOLDS: Final[NDArray[np.float64]] = np.round(np.concatenate([np.arange(4, 9), np.arange(10, 20)]) * 0.05, 2)
"""Similarities from which on a prediction is right: 0.2 .. 0.4 for `apex`, 0.5 .. 0.95 for everything else."""

_STRICT: Final = slice(5, None)
_EXTENDED: Final = slice(0, 5)
MAX_DETECTIONS: Final = 20
AREA_RANGES: Final[dict[str, tuple[float, float]]] = {
    "all": (0, np.inf),
    "medium": (32**2, 96**2),
    "large": (96**2, np.inf),
}
"""px² of the person's mask: above the lower, up to the upper bound."""

_RECALLS: Final = np.linspace(0, 1, 101)


class Precision(NamedTuple):
    """Average precisions (means of 101 interpolated precisions) and recalls; nan without people to find."""

    ap: float  # mean over thresholds 0.5:0.05:0.95
    ap50: float
    ap75: float
    apex: float  # AP over thresholds 0.2:0.05:0.4
    ar: float  # greatest recall, mean over 0.5:0.05:0.95


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

    def precision(self, weights: NDArray[np.integer] | None = None) -> Precision:
        """What the ranking is worth. weights: (pictures,) how often each picture counts; once when None."""
        weights = np.ones(len(self.positives), np.intp) if weights is None else weights
        wanted = float(weights @ self.positives)
        if not wanted:
            return Precision(*[float("nan")] * 5)
        if not self.picture.size:
            return Precision(*[0.0] * 5)
        weight = weights[self.picture]
        ap, ar = np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
        for level, (right, ignored) in enumerate(zip(self.right, self.ignored, strict=True)):
            places = np.flatnonzero(right)  # precision falls between them, and the interpolated one is that of the next
            if not places.size:
                continue
            found = np.cumsum(weight[places])
            counted = np.cumsum(np.where(ignored, 0, weight))[places]
            precision = np.divide(found, counted, out=np.zeros(len(places)), where=counted > 0)
            envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
            ap[level] = envelope[np.searchsorted(found / wanted, _RECALLS)].mean()
            ar[level] = found[-1] / wanted
        half, three_quarters = (int(np.flatnonzero(threshold == THRESHOLDS)[0]) for threshold in (0.5, 0.75))
        return Precision(
            ap=float(ap[_STRICT].mean()),
            ap50=float(ap[half]),
            ap75=float(ap[three_quarters]),
            apex=float(ap[_EXTENDED].mean()),
            ar=float(ar[_STRICT].mean()),
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
