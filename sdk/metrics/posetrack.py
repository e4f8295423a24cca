"""What PoseTrack's files say besides: frames that were not annotated, regions without annotations.

A prediction in such a region is neither right nor wrong. As in the public evaluation of DensePose-PoseTrack, that is
one with 0.7 of its box there, or 0.9 of its body pixels.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from densepose_mobile.metrics.truth import TruthPicture
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["ignored_regions", "is_annotated", "outside_ignored"]

_BOX_SHARE: Final = 0.7
_BODY_SHARE: Final = 0.9


def is_annotated(image: Mapping[str, Any]) -> bool:
    """Whether an image entry says nothing else."""
    return bool(image.get("is_labeled", True)) and not image.get("has_no_densepose", False)


def ignored_regions(image: Mapping[str, Any]) -> tuple[tuple[float, ...], ...]:
    """Polygons x0, y0, x1, y1, ... px of an image entry. Regions of fewer than three corners cover nothing.

    Raises ValueError or TypeError when the columns do not belong together.
    """
    columns, rows = image.get("ignore_regions_x") or (), image.get("ignore_regions_y") or ()
    regions = []
    for x, y in zip(columns, rows, strict=True):
        corners = [float(value) for corner in zip(x, y, strict=True) for value in corner]
        if len(corners) >= 6:
            regions.append(tuple(corners))
    return tuple(regions)


def outside_ignored(result: DensePoseResult, picture: TruthPicture) -> DensePoseResult:
    """The people who do not lie in the picture's ignored regions."""
    if not picture.ignored:
        return result
    ignored = picture.ignored_mask

    def share(person: Person, body: bool) -> float:
        there = ignored[person.window]
        there = there[person.mask] if body else there
        return float(there.mean()) if there.size else 0.0

    kept = [p for p in result.people if share(p, body=False) < _BOX_SHARE and share(p, body=True) < _BODY_SHARE]
    return replace(result, people=tuple(kept))
