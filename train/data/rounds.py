"""Rounds of the training stream: a few shards at a time of a folder that may be growing, their pictures shuffled.

Rendering runs beside training, so the folder is looked at anew for every round, and the shards that were read least
come first. What a look at the folder found cannot be found again later: it is written into a journal before it is used,
and processes that train together are told it by the first of them.
"""

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from torch import distributed

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.draws import Draw, generator
from densepose_mobile.train.data.shard_index import StoredPicture, index_shard

__all__ = ["Journal", "Round", "Rounds"]

_log = logging.getLogger(__name__)

_SHARDS: Final = 16  # of a round, at most: some thousand pictures, which a new shard has to wait for
_PATIENCE: Final = 600.0  # s to wait for the first shard
_PAUSE: Final = 2.0  # s between two looks at a folder without shards

_T = TypeVar("_T")
_Stamp = tuple[int, int]  # bytes of a file and when it was written, ns


@dataclass(frozen=True)
class Round:
    """The pictures of some shards, in the order in which they are looked at, each once."""

    number: int  # from 1
    shards: tuple[str, ...]
    pictures: tuple[StoredPicture, ...]


class Journal:
    """The shards of every round of a run: lines of JSON in a file."""

    def __init__(self, path: Path) -> None:
        """Take up what is there; a last line that was cut off when the run was killed had not been used yet."""
        self._path = path
        self._rounds: dict[int, list[str]] = {}
        for line in path.read_text().splitlines() if path.is_file() else ():
            try:
                entry = json.loads(line)
                self._rounds[int(entry["round"])] = [str(name) for name in entry["shards"]]
            except (ValueError, TypeError, KeyError):
                break

    def shards(self, number: int) -> list[str] | None:
        """Of the round of that number, if it was ever begun."""
        return self._rounds.get(number)

    def write(self, number: int, shards: Sequence[str]) -> None:
        """Add a round; it is on the disk when this returns. Later ones, of a run that was taken back, are dropped."""
        self._rounds = {n: names for n, names in self._rounds.items() if n < number} | {number: list(shards)}
        lines = [json.dumps({"round": n, "shards": names}) + "\n" for n, names in sorted(self._rounds.items())]
        partial = self._path.with_name(self._path.name + ".partial")
        with partial.open("w") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)


class Rounds:
    """Opens rounds. With several processes, all of them ask for the same rounds in the same order."""

    def __init__(self, folder: Path, seed: int, journal: Path | None = None) -> None:
        """journal: file in which the rounds of this run are kept."""
        self._folder, self._seed = folder, seed
        self._journal_path = journal
        self._told: set[str] = set()  # broken shards that were warned of
        self._thread = ThreadPoolExecutor(1, "shard index")
        self._ahead: dict[str, Future[tuple[_Stamp, list[StoredPicture]]]] = {}  # indexed before they are asked for

    def open(self, number: int, reads: Mapping[str, int], shards: Sequence[str] | None = None) -> Round:
        """The round of that number. reads: how often each shard was read; shards: take these, if they can be read.

        Raises InputError when no readable shard appears for ten minutes.
        """
        outcome: Round | InputError | None = None
        if not _together() or distributed.get_rank() == 0:
            try:
                outcome = self._open(number, reads, shards)
            except InputError as error:
                outcome = error
        outcome = _from_first(outcome)
        if isinstance(outcome, InputError):
            raise outcome
        assert outcome is not None
        return outcome

    def _open(self, number: int, reads: Mapping[str, int], shards: Sequence[str] | None) -> Round:
        journal = None if self._journal_path is None else Journal(self._journal_path)
        known = shards if shards is not None else None if journal is None else journal.shards(number)
        found = {} if known is None else self._read(known)
        if known is not None and not found:
            _log.warning("none of the %d shards of round %d can be read any more; others are taken", len(known), number)
        if not found:
            found = self._wait(number, reads)
            if journal is not None:
                journal.write(number, list(found))
        self._prepare(number + 1, dict(reads) | {name: reads.get(name, 0) + 1 for name in found})
        pictures = [picture for name in sorted(found) for picture in found[name]]
        order = generator(self._seed, Draw.ROUND, number, 1).permutation(len(pictures))
        return Round(number, tuple(sorted(found)), tuple(pictures[i] for i in order))

    def _wait(self, number: int, reads: Mapping[str, int]) -> dict[str, list[StoredPicture]]:
        begin = time.monotonic()
        while True:
            broken: set[str] = set()
            while chosen := self._choose(number, reads, broken):
                found = self._read(chosen)
                if found:
                    return found
                broken |= set(chosen)
            waited = time.monotonic() - begin
            if waited >= _PATIENCE:
                raise InputError(f"no shard appeared in {self._folder} for {waited:.0f} s; render with `data render`")
            time.sleep(_PAUSE)

    def _choose(self, number: int, reads: Mapping[str, int], broken: Set[str]) -> list[str]:
        """Shards for the round, as the folder is now: of those that were read least, some at random."""
        names = {path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*.tar")} - broken
        least = min((reads.get(name, 0) for name in names), default=0)
        fresh = sorted(name for name in names if reads.get(name, 0) == least)
        order = generator(self._seed, Draw.ROUND, number, 0).permutation(len(fresh))
        return [fresh[i] for i in order[:_SHARDS]]

    def _prepare(self, number: int, reads: Mapping[str, int]) -> None:
        """Index beside the training what the next round would hold if it began now: to wait for it takes a second."""
        names = self._choose(number, reads, set())
        self._ahead = {name: self._thread.submit(_stamped_index, self._folder, name) for name in names}

    def _index(self, name: str) -> list[StoredPicture]:
        ahead = self._ahead.pop(name, None)
        if ahead is not None:
            stamp, pictures = ahead.result()
            if stamp == _stamp(self._folder / name):
                return pictures
        return index_shard(self._folder, name)

    def _read(self, names: Sequence[str]) -> dict[str, list[StoredPicture]]:
        """The pictures of those shards that can be read."""
        found = {}
        for name in names:
            try:
                found[name] = self._index(name)
            except (InputError, OSError) as error:
                if name not in self._told:
                    _log.warning("shard %s is left out: %s", name, error)
                    self._told.add(name)
        return found


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _stamped_index(folder: Path, name: str) -> tuple[_Stamp, list[StoredPicture]]:
    stamp = _stamp(folder / name)
    return stamp, index_shard(folder, name)


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _from_first(value: _T) -> _T:
    """What the first process has."""
    if not _together():
        return value
    told = [value]
    distributed.broadcast_object_list(told, src=0)
    return told[0]
