"""A calibration set on disk: a folder of chosen pictures and a manifest that says what they are."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.calibration.pictures import SourcePicture
from densepose_mobile.calibration.selection import STATISTICS, choose, describe
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.imaging import load_image

__all__ = ["CalibrationSet", "ChosenPicture", "write_calibration_set"]

_log = logging.getLogger(__name__)

_SCHEMA: Final = 1
_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True)
class ChosenPicture:
    """One picture of a set."""

    file: str
    sha256: str
    source: str
    name: str


@dataclass(frozen=True)
class CalibrationSet:
    """Pictures that were chosen for calibration, as written by `write_calibration_set`."""

    folder: Path
    pictures: tuple[ChosenPicture, ...]
    id: str  # sha256 over the pictures' sha256, in order

    @classmethod
    def open(cls, folder: Path) -> "CalibrationSet":
        """Read the manifest and check every picture's sha256.

        Raises:
            InputError: no such set, another schema, a picture missing or changed.
        """
        path = folder / _MANIFEST
        if not path.is_file():
            raise InputError(
                f"{folder} is no calibration set; make one with `densepose-mobile calibrate ... --out {folder}`"
            )
        try:
            manifest = json.loads(path.read_text())
            schema = manifest["schema"]
            pictures = tuple(ChosenPicture(**entry) for entry in manifest["pictures"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged ({error}); run `densepose-mobile calibrate` again") from error
        if schema != _SCHEMA:
            raise InputError(
                f"{path} has schema {schema}, this version reads {_SCHEMA}; run `densepose-mobile calibrate`"
            )
        for picture in pictures:
            file = folder / picture.file
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != picture.sha256:
                raise InputError(f"{file} is missing or changed; run `densepose-mobile calibrate` again")
        return cls(folder, pictures, _identity(pictures))

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """(H, W, 3) uint8 RGB pictures in order."""
        for picture in self.pictures:
            yield load_image(self.folder / picture.file)

    def provenance(self) -> dict[str, Any]:
        """What a model card says of the set: its id, size, and how many pictures came from each source."""
        sources: dict[str, int] = {}
        for picture in self.pictures:
            sources[picture.source] = sources.get(picture.source, 0) + 1
        return {"id": self.id, "pictures": len(self.pictures), "sources": sources}


def write_calibration_set(
    candidates: Iterable[SourcePicture], folder: Path, count: int, seed: int = 0
) -> CalibrationSet:
    """Choose `count` varied pictures of the candidates and write them with a manifest.

    candidates: iterated twice, first to measure and then to write, so that none is held. An existing set in `folder`
    is replaced once the new one is whole; anything else there is refused.

    Raises:
        InputError: no candidate. OutputError: `folder` holds something else or cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MANIFEST).is_file():
        raise OutputError(f"{folder} holds other files: give an empty folder")
    points = [describe(candidate.rgb) for candidate in candidates]
    if not points:
        raise InputError("there are no candidate pictures: give folders of pictures or shards")
    statistics = np.stack(points)
    rows = choose(statistics, count, seed)
    place = {int(row): position for position, row in enumerate(rows)}
    partial = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        written = {
            place[row]: _save(partial / f"{place[row]:04d}.png", candidate)
            for row, candidate in enumerate(candidates)
            if row in place
        }
        pictures = tuple(written[position] for position in sorted(written))
        manifest = {
            "schema": _SCHEMA,
            "id": _identity(pictures),
            "seed": seed,
            "candidates": len(points),
            "statistics": _ranges(statistics, statistics[rows]),
            "pictures": [asdict(picture) for picture in pictures],
        }
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    except OSError as error:
        raise OutputError(f"the calibration set cannot be written to {folder}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _log.info("chose %d of %d pictures for %s", len(pictures), len(points), folder)
    return CalibrationSet(folder, pictures, _identity(pictures))


def _ranges(candidates: NDArray[np.float32], chosen: NDArray[np.float32]) -> dict[str, dict[str, list[float]]]:
    rows = {"candidates": candidates, "chosen": chosen}
    return {
        name: {
            who: [round(float(value), 4) for value in (points[:, i].min(), points[:, i].max())]
            for who, points in rows.items()
        }
        for i, name in enumerate(STATISTICS)
    }


def _save(path: Path, candidate: SourcePicture) -> ChosenPicture:
    done, data = cv2.imencode(".png", cv2.cvtColor(candidate.rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise InputError(f"{candidate.name} of shape {candidate.rgb.shape} cannot be coded; give (H, W, 3) uint8")
    path.write_bytes(data.tobytes())
    return ChosenPicture(path.name, hashlib.sha256(data.tobytes()).hexdigest(), candidate.source, candidate.name)


def _identity(pictures: Iterable[ChosenPicture]) -> str:
    return hashlib.sha256("".join(picture.sha256 for picture in pictures).encode()).hexdigest()
