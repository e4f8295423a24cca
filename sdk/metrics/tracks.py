"""How well people are followed through videos, by motmetrics: the public measures of multi-object tracking.

A predicted person may be an annotated one where they are more than half alike, by GPSm, or by the overlap of their
masks in files without surface points.
"""

from collections import defaultdict
from typing import Any, Final

import numpy as np

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.posetrack import outside_ignored
from densepose_mobile.metrics.ranking import RankedPicture
from densepose_mobile.metrics.similarity import mask_iou
from densepose_mobile.metrics.truth import TruthPicture
from densepose_mobile.results import DensePoseResult

__all__ = ["TRACK_MEASURES", "TrackJudge"]

TRACK_MEASURES: Final = {
    "mota": "MOTA: 1 - (missed + wrong + switched) / people to be found",
    "idf1": "IDF1: F score of the best assignment of whole tracks",
    "motp": "likeness of the found",
    "num_misses": "missed",
    "num_false_positives": "wrong",
    "num_switches": "identity switches",
    "num_fragmentations": "interruptions",
    "num_objects": "people to be found",
}
"""motmetrics' name -> what it is. Bernardin and Stiefelhagen, CLEAR MOT, 2008; Ristani et al., 2016 (IDF1)."""

_ALIKE: Final = 0.5


class TrackJudge:
    """Collects the frames of videos, in order, and judges all of them at the end.

    Raises InputError when motmetrics is not installed.
    """

    def __init__(self) -> None:
        try:
            import motmetrics
        except ImportError as error:
            raise InputError("measures of tracks need motmetrics; pip install 'densepose-mobile[eval]'") from error
        self._motmetrics = motmetrics
        self._videos: dict[int | None, dict[int, tuple[list[int], list[int], Any]]] = defaultdict(dict)

    def add(self, picture: TruthPicture, result: DensePoseResult, ranked: RankedPicture | None) -> None:
        """One frame. ranked: its `rank_picture` by GPSm of the same result; None: compare masks.

        Predictions without a track count as tracks of one frame.
        """
        result = outside_ignored(result, picture)
        if ranked is None:
            rows = [[mask_iou(person, truth.mask) for truth in picture.people] for person in result]
            alike = np.array(rows, np.float64).reshape(len(result), len(picture.people))
            asked = np.array([not person.crowd for person in picture.people], bool)
        else:
            alike, asked = ranked.similarity.astype(np.float64), ~ranked.ignored
        truth = np.array([-1 if person.track is None else person.track for person in picture.people], np.int64)
        asked &= truth >= 0
        near = alike > _ALIKE
        judged = ~near[:, ~asked].any(1) | near[:, asked].any(1)
        frames = self._videos[picture.video]
        alone = -1 - 1000 * len(frames)
        tracks = np.array([alone - i if p.track is None else p.track for i, p in enumerate(result)], np.int64)
        distance = np.where(near, 1 - alike, np.nan)[judged][:, asked].T
        place = picture.id if picture.frame is None else picture.frame
        frames[place] = (truth[asked].tolist(), tracks[judged].tolist(), distance)

    def measures(self) -> dict[str, float]:
        """`TRACK_MEASURES` over all videos; nan where there is nobody to be found."""
        accumulators = []
        for _, frames in sorted(self._videos.items(), key=lambda video: (video[0] is None, video[0])):
            accumulator = self._motmetrics.MOTAccumulator(auto_id=True)
            for _, frame in sorted(frames.items()):
                accumulator.update(*frame)
            accumulators.append(accumulator)
        host = self._motmetrics.metrics.create()
        names = [str(n) for n in range(len(accumulators))]
        table = host.compute_many(accumulators, names=names, metrics=list(TRACK_MEASURES), generate_overall=True)
        row = table.loc["OVERALL"]
        return {name: float(1 - row[name] if name == "motp" else row[name]) for name in TRACK_MEASURES}
