"""All measures of a set of pictures with their intervals, and two models compared on the same pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.bootstrap import RESAMPLES, interval, ratio_samples, statistic_samples
from densepose_mobile.metrics.confidence import ConfidenceCurves, ConfidenceSamples, confidence_curves
from densepose_mobile.metrics.pairing import SIMILARITIES, rank_picture
from densepose_mobile.metrics.ranking import AREA_RANGES, Ranking
from densepose_mobile.metrics.score import MEASURES, EvaluationOptions, PictureScore, score_picture
from densepose_mobile.metrics.similarity import Geodesics
from densepose_mobile.metrics.truth import TruthPicture
from densepose_mobile.results import DensePoseResult

__all__ = ["Difference", "EvaluationReport", "Measure", "compare", "evaluate", "require_same_pictures", "summarise"]

_RANKING_RESAMPLES: Final = 300  # each one re-ranks every prediction at ten thresholds


@dataclass(frozen=True)
class Measure:
    """A figure with its 95 % bootstrap interval by picture."""

    value: float
    low: float
    high: float
    count: float  # what it is a mean over: people, keypoints, points or pictures

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Difference:
    """How much more the first model has than the second, on the same pictures."""

    value: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """Whether the 95 % interval leaves out zero."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to 4 places."""
        return {key: _rounded(value) for key, value in asdict(self).items()}

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


@dataclass(frozen=True)
class EvaluationReport:
    """What `evaluate` found. A measure that nothing counts for (no keypoints, no surface points) is not in it."""

    pictures: int
    people: int  # that were to be found
    measures: dict[str, Measure]  # by name, see MEASURES; "ap_gps", "ar_gpsm_large", ... besides
    point_confidence: ConfidenceCurves | None
    keypoint_confidence: ConfidenceCurves | None
    seed: int
    resamples: int

    def __getitem__(self, name: str) -> Measure:
        return self.measures[name]

    def to_json(self) -> dict[str, Any]:
        """Plain values, figures rounded to 4 places."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


def evaluate(
    results: Iterable[DensePoseResult],
    pictures: Iterable[TruthPicture],
    atlas: Geodesics | None = None,
    options: EvaluationOptions | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> EvaluationReport:
    """Measure predictions of annotated pictures, in the same order. See `score_picture` and `summarise`."""
    scores = []
    for result, picture in zip(results, pictures, strict=True):
        score = score_picture(result, picture, atlas, options)
        scores.append(score if atlas is None else replace(score, ranked=rank_picture(result, picture, atlas)))
    return summarise(scores, seed, resamples)


def summarise(scores: Sequence[PictureScore], seed: int = 0, resamples: int = RESAMPLES) -> EvaluationReport:
    """Add up the scores of pictures; the same seed gives the same intervals.

    Raises InputError when there is no picture.
    """
    if not scores:
        raise InputError("no picture was measured; give at least one annotated picture")
    names, above, below = _sums(scores)
    ends = interval(ratio_samples(above, below, seed, resamples))
    totals = below.sum(0)
    measures = {
        name: Measure(float(above[:, i].sum() / totals[i]), float(ends[0, i]), float(ends[1, i]), float(totals[i]))
        for i, name in enumerate(names)
        if totals[i]
    }
    for kind in SIMILARITIES:
        measures.update(_ranked(scores, kind, seed, min(resamples, _RANKING_RESAMPLES)))
    return EvaluationReport(
        pictures=len(scores),
        people=int(sum(score.sums["recall"][1] for score in scores)),
        measures=measures,
        point_confidence=_curves(scores, "point_confidence"),
        keypoint_confidence=_curves(scores, "keypoint_confidence"),
        seed=seed,
        resamples=resamples,
    )


def compare(
    first: Sequence[PictureScore], second: Sequence[PictureScore], seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Difference]:
    """First minus second, paired: both are resampled with the same pictures.

    Raises InputError when the two were not measured on the same pictures.
    """
    require_same_pictures([score.file_name for score in first], [score.file_name for score in second])
    by_name = {score.file_name: score for score in second}
    names, above, below = _sums(first)
    others, other_above, other_below = _sums([by_name[score.file_name] for score in first])
    shared = [name for name in names if name in others]
    a, b = [names.index(name) for name in shared], [others.index(name) for name in shared]
    samples = ratio_samples(above[:, a], below[:, a], seed, resamples)
    samples = samples - ratio_samples(other_above[:, b], other_below[:, b], seed, resamples)
    ends = interval(samples)
    differences = {}
    for place, name in enumerate(shared):
        totals = below[:, a[place]].sum(), other_below[:, b[place]].sum()
        if all(totals):
            value = above[:, a[place]].sum() / totals[0] - other_above[:, b[place]].sum() / totals[1]
            differences[name] = Difference(float(value), float(ends[0, place]), float(ends[1, place]))
    return differences


def require_same_pictures(first: Sequence[str], second: Sequence[str]) -> None:
    """Raise InputError unless both name the same pictures, each once."""
    strangers = sorted(set(first) ^ set(second))
    if strangers or len(first) != len(second):
        raise InputError(
            f"the two models were measured on different pictures ({len(first)} and {len(second)}; "
            f"only in one: {', '.join(strangers[:3])}); evaluate both on the same annotations"
        )


def _sums(scores: Sequence[PictureScore]) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    names = [name for name in MEASURES if all(name in score.sums for score in scores)]
    table = np.array([[score.sums[name] for name in names] for score in scores], np.float64)
    return names, table[..., 0], table[..., 1]


def _ranked(scores: Sequence[PictureScore], kind: str, seed: int, resamples: int) -> dict[str, Measure]:
    """ "ap_gps", "ap50_gps", ..., "ap_gps_medium", ...; of people of a size, only AP and AR by GPS and GPSm."""
    areas = AREA_RANGES if kind in ("gps", "gpsm") else ("all",)
    pictures = [score.ranked[kind] for score in scores if kind in score.ranked]
    measures: dict[str, Measure] = {}
    for area in areas if pictures else ():
        ranking = Ranking.build(pictures, area)
        precision = ranking.precision()
        if not np.isfinite(precision.ap):
            continue
        low, high = interval(statistic_samples(ranking.precision, len(pictures), seed, resamples))
        for place, (name, value) in enumerate(precision._asdict().items()):
            if area == "all" or name in ("ap", "ar"):
                key = f"{name}_{kind}" + ("" if area == "all" else f"_{area}")
                measures[key] = Measure(value, float(low[place]), float(high[place]), float(ranking.positives.sum()))
    return measures


def _curves(scores: Sequence[PictureScore], kind: str) -> ConfidenceCurves | None:
    samples = [found for score in scores if (found := getattr(score, kind)) is not None]
    return confidence_curves(ConfidenceSamples.join(samples))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4) if np.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list | tuple) else value
