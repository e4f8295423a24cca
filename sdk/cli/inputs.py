"""What the user named, as a list of pictures and videos with one output name each."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import PICTURE_SUFFIXES

__all__ = ["OVERLAY", "VIDEO_SUFFIXES", "Job", "expand"]

VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp")
OVERLAY: Final = ".overlay"
_OWN_OUTPUTS: Final = (".iuv.png", f"{OVERLAY}.jpg", f"{OVERLAY}.mp4")


@dataclass(frozen=True)
class Job:
    """One input."""

    path: Path
    stem: str  # of its output files; no two jobs share one
    error: InputError | None = None  # why it cannot even be tried

    @property
    def is_video(self) -> bool:
        """By the name's suffix: content decides about pictures only."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES


def expand(inputs: Sequence[Path]) -> list[Job]:
    """Jobs in the order given; a folder stands for the pictures and videos right in it, by name.

    A file that is named twice is done once. Inputs of the same stem get -2, -3, ... in the order given, so that none
    overwrites another's outputs, whatever the case of its letters. A folder without pictures, and one that cannot be
    read, become jobs that carry their error. Our own overlays and IUV pictures in a folder are passed over.
    """
    found: list[tuple[Path, InputError | None]] = []
    for path in inputs:
        try:
            if not path.is_dir():
                found.append((path, None))
                continue
            files = sorted(file for file in path.iterdir() if _is_input(file))
        except OSError as error:
            found.append((path, InputError(f"{path} cannot be looked at ({error.strerror or error})")))
            continue
        empty = InputError(f"{path} holds no picture or video: {' '.join(PICTURE_SUFFIXES + VIDEO_SUFFIXES)}")
        found += [(file, None) for file in files] or [(path, empty)]
    once: dict[str, tuple[Path, InputError | None]] = {}
    for pair in found:
        once.setdefault(os.path.realpath(pair[0]), pair)
    unique = list(once.values())
    stems = _stems(path.stem for path, _ in unique)
    return [Job(path, stem, error) for (path, error), stem in zip(unique, stems, strict=True)]


def _is_input(file: Path) -> bool:
    name = file.name.lower()
    return (
        name.endswith(PICTURE_SUFFIXES + VIDEO_SUFFIXES)
        and not name.startswith(".")
        and not name.endswith(_OWN_OUTPUTS)
        and file.is_file()
    )


def _stems(stems: Iterable[str]) -> list[str]:
    wanted = [stem or "picture" for stem in stems]
    taken: set[str] = set()
    # Names that are free of a suffix have the first claim, or "a-2.jpg" could lose its name to the second "a.jpg".
    firsts = {}
    for index, stem in enumerate(wanted):
        if stem.casefold() not in taken:
            firsts[index] = stem
            taken.add(stem.casefold())
    named = []
    for index, stem in enumerate(wanted):
        name, number = firsts.get(index, stem), 2
        while index not in firsts and name.casefold() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.casefold())
        named.append(name)
    return named
