"""How well people are found and labelled: the one implementation of every measure.

Score picture by picture and add up, or hand over everything at once:

>>> scores = [score_picture(result, picture, atlas) for result, picture in pairs]
>>> report = summarise(scores)
>>> print(report["mask_iou"])
0.612 [0.571, 0.650]
"""

from densepose_mobile.metrics.baselines import BASELINES
from densepose_mobile.metrics.coco import CocoFile, LeftOut, missing_pictures, read_coco
from densepose_mobile.metrics.pairing import rank_picture
from densepose_mobile.metrics.report import (
    Difference,
    EvaluationReport,
    Measure,
    compare,
    evaluate,
    require_same_pictures,
    summarise,
)
from densepose_mobile.metrics.score import MEASURES, EvaluationOptions, PictureScore, score_picture
from densepose_mobile.metrics.truth import SurfacePoints, TruthPerson, TruthPicture

__all__ = [
    "BASELINES",
    "MEASURES",
    "CocoFile",
    "Difference",
    "EvaluationOptions",
    "EvaluationReport",
    "LeftOut",
    "Measure",
    "PictureScore",
    "SurfacePoints",
    "TruthPerson",
    "TruthPicture",
    "compare",
    "evaluate",
    "missing_pictures",
    "rank_picture",
    "read_coco",
    "require_same_pictures",
    "score_picture",
    "summarise",
]
