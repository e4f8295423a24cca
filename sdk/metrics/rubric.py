"""Judgements by eye (docs/rubric.md): one entry a photo, added up."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from densepose_mobile.errors import InputError

__all__ = ["QUESTIONS", "RubricSummary", "blank_judgements", "read_judgements", "summarise_judgements"]

QUESTIONS: Final = ("found", "silhouette", "limb_parts", "left_right", "smooth_uv")
"""Each is graded 2 (yes), 1 (nearly), 0 (no), or None where it does not apply."""

_COUNTS: Final = ("people", "people_found")


@dataclass(frozen=True)
class RubricSummary:
    """What a set of judged photos adds up to."""

    photos: int
    judged: int  # photos with at least one grade
    people: int
    people_found: int
    share: dict[str, float | None]  # question -> mean of grade / 2, None where no photo was graded
    passed: int  # photos with everybody found and no grade of 0


def blank_judgements(photos: Sequence[str]) -> dict[str, Any]:
    """An empty form for photos of these file names."""
    entry: dict[str, Any] = {**dict.fromkeys((*_COUNTS, *QUESTIONS)), "remark": ""}
    return {
        "schema": 1,
        "rubric": "docs/rubric.md",
        "command": None,
        "model": None,
        "looked_by": None,
        "date": None,
        "photos": {name: dict(entry) for name in photos},
    }


def read_judgements(path: Path) -> dict[str, dict[str, Any]]:
    """Entries by photo. Raises InputError that names the photo and the key."""
    try:
        photos = json.loads(path.read_text(encoding="utf-8"))["photos"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no judgements ({error!r}); see docs/rubric.md") from error
    for name, entry in photos.items():
        missing = [key for key in (*_COUNTS, *QUESTIONS) if key not in entry]
        if missing:
            raise InputError(f"{path}: {name} lacks {', '.join(missing)}; write null where it does not apply")
        for key in QUESTIONS:
            if entry[key] not in (None, 0, 1, 2):
                raise InputError(f"{path}: {name} has {key} = {entry[key]!r}; grades are 0, 1, 2 or null")
        if (entry["people_found"] or 0) > (entry["people"] or 0):
            raise InputError(f"{path}: {name} has {entry['people_found']} of {entry['people']} people found")
    return dict(photos)


def summarise_judgements(photos: Mapping[str, Mapping[str, Any]]) -> RubricSummary:
    """Add up the entries that `read_judgements` returned."""
    grades = {key: [entry[key] for entry in photos.values() if entry[key] is not None] for key in QUESTIONS}
    judged = [entry for entry in photos.values() if any(entry[key] is not None for key in QUESTIONS)]
    return RubricSummary(
        photos=len(photos),
        judged=len(judged),
        people=sum(entry["people"] or 0 for entry in photos.values()),
        people_found=sum(entry["people_found"] or 0 for entry in photos.values()),
        share={key: sum(row) / (2 * len(row)) if row else None for key, row in grades.items()},
        passed=sum(
            entry["found"] == 2 and all(entry[key] is None or entry[key] >= 1 for key in QUESTIONS) for entry in judged
        ),
    )
