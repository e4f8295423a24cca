"""Dense labels beside an annotation file: part, U and V of every pixel of its people, true ones or filled in.

FOLDER/people/ANNOTATION.png is an 8-bit RGB file of the smallest window around the person's mask: R is the part 1..24,
G round(255 U), B round(255 V), all zero where the person is not seen or the label is not known. FOLDER/dense.json says
which annotations the labels belong to and what made them (both by sha256), whether they are complete, and where in its
picture each person's window lies.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.errors import InputError, OutputError

__all__ = ["INDEX", "DenseIndex", "DenseLabels", "Window", "file_hash", "person_file", "seen_window", "write_person"]

INDEX: Final = "dense.json"
_PEOPLE: Final = "people"
_VERSION: Final = 1

Window = tuple[int, int, int, int]
"""x, y, width, height px: whole pixels of a picture."""


@dataclass(frozen=True)
class DenseIndex:
    """What dense.json says.

    annotations: sha256 of the annotation file. made_by: "truth", or the model's sha256, and how it was used.
    people: where each annotation's window lies. left_out: annotations without labels, and why.
    agreement: of the labels with annotated surface points.
    """

    annotations: str
    made_by: Mapping[str, Any]
    complete: bool = False
    people: Mapping[int, Window] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    agreement: Mapping[str, Any] = field(default_factory=dict)
    version: int = _VERSION

    def write(self, folder: Path) -> Path:
        """Write it, whole or not at all. Raises OutputError."""
        return _write(folder / INDEX, (json.dumps(asdict(self)) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> "DenseIndex":
        """Raises InputError where there is none, or one of another version."""
        path = folder / INDEX
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.get("version") != _VERSION:
                raise InputError(f"{path} is of version {values.get('version')}, not {_VERSION}; make the labels again")
            values["people"] = {int(id): tuple(map(int, window)) for id, window in values["people"].items()}
            return cls(**values)
        except OSError as error:
            raise InputError(
                f"{folder} holds no dense labels ({path.name}: {error.strerror or error}); write some with "
                "`data inpaint`, or with `data export --dense`"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is no index of dense labels ({error!r}); make the labels again") from error


@dataclass(frozen=True, eq=False)
class DenseLabels:
    """The complete dense labels of one annotation file."""

    folder: Path
    index: DenseIndex

    @classmethod
    def open(cls, folder: Path, annotations: Path) -> "DenseLabels":
        """Raises InputError for labels of another annotation file, or such as are not complete."""
        index = DenseIndex.read(folder)
        given = file_hash(annotations)
        if index.annotations != given:
            raise InputError(
                f"the dense labels in {folder} belong to annotations of sha256 {index.annotations[:12]}..., "
                f"{annotations} has {given[:12]}...: give the file that they were made for, or make them again"
            )
        if not index.complete:
            raise InputError(f"the dense labels in {folder} are not complete; go on with the command that began them")
        return cls(folder, index)

    def of(self, annotation: int) -> tuple[Window, NDArray[np.uint8]] | None:
        """Window and (height, width, 3) part, round(255 U), round(255 V) of a person; None where there are none.

        Raises InputError for a file that is missing or of another size than the index says.
        """
        window = self.index.people.get(annotation)
        if window is None:
            return None
        path = person_file(self.folder, annotation)
        try:
            bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        except (OSError, cv2.error) as error:
            raise InputError(f"dense labels {path} cannot be read ({error}); make the labels again") from error
        if bgr is None or bgr.shape != (window[3], window[2], 3) or bgr.dtype != np.uint8:
            found = "no picture" if bgr is None else f"{bgr.dtype} of shape {bgr.shape}"
            raise InputError(f"{path} is {found}, uint8 of {(window[3], window[2], 3)} belongs there; make it again")
        return window, np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def person_file(folder: Path, annotation: int) -> Path:
    """Where the labels of an annotation lie."""
    return folder / _PEOPLE / f"{annotation:012d}.png"


def write_person(folder: Path, annotation: int, iuv: NDArray[np.uint8]) -> Path:
    """Write the labels (height, width, 3) of one person's window, whole or not at all. Raises OutputError."""
    _, data = cv2.imencode(".png", iuv[..., ::-1])
    return _write(person_file(folder, annotation), data.tobytes())


def seen_window(mask: NDArray[np.bool_]) -> Window | None:
    """Smallest window around a mask (H, W); None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y


def file_hash(path: Path) -> str:
    """sha256 of a file, hexadecimal. Raises InputError."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error})") from error


def _write(path: Path, data: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {path.parent} ({error.strerror or error}); choose another folder") from error
    return write_atomically(path, data)
