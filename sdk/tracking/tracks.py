"""The people of a video: who is followed, who is lost, and what is remembered of each."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.postprocess.maps import DenseMaps
from densepose_mobile.postprocess.silhouette import Silhouette
from densepose_mobile.tracking.appearance import PartColours
from densepose_mobile.tracking.association import covered, likely_same, pair
from densepose_mobile.tracking.motion import BoxMotion
from densepose_mobile.tracking.options import VideoOptions

__all__ = ["Crowd", "Sighting", "Track"]

_CLEAR: Final = 0.15  # share of a box under another one's from which place and colours are not to be trusted
_STALE_MS: Final = 1000.0  # the last clear place tells nothing of where a person is after this long in a crowd
_RECENT_MS: Final = 400.0
_SEARCHES: Final = 3
_OWN: Final = 0.3  # how much better a neighbour's sighting must fit than the own one


@dataclass(frozen=True, eq=False)
class Sighting:
    """One person as `track` sees them in one frame.

    The shape is all that the crop claims. What is left of it by the people in front is for the result alone: a crop
    that followed only that would shrink with every frame.
    """

    maps: DenseMaps
    shape: Silhouette
    colours: PartColours

    @property
    def box(self) -> NDArray[np.float32]:
        """(4,) xyxy px, tight around the pixels."""
        return np.array(self.shape.box, np.float32)


@dataclass(frozen=True, eq=False)
class Track:
    """A person with a number."""

    number: int  # 1, 2, ... in the order of appearance
    score: float  # 0..1, of the newest detection
    motion: BoxMotion  # as last seen
    clear: BoxMotion  # as last seen with nobody in the way: where a hidden person comes out again is told by this
    colours: PartColours  # likewise
    since_ms: float  # in sight without a gap since then
    lost_ms: float | None = None  # when the person was last seen, if out of sight now
    crowded: bool = False  # somebody else is in the way
    unconfirmed: int = 0  # searches of the whole picture since the newest detection

    def predicted(self, t_ms: float) -> NDArray[np.float32]:
        """(4,) xyxy px at t_ms, where to look."""
        return self.motion.at(t_ms) if self.lost_ms is None else self.expected(t_ms)

    def expected(self, t_ms: float) -> NDArray[np.float32]:
        """(4,) xyxy px at t_ms, by the last clear view as long as that tells anything."""
        if self.motion.t_ms - self.clear.t_ms <= _STALE_MS:
            return self.clear.at(t_ms)
        return self.motion.at(t_ms) if self.lost_ms is None else self.motion.at_rest().at(t_ms)

    def unlikeness(self, sighting: Sighting, t_ms: float) -> float:
        """How badly a sighting fits this person, from place and colours; infinite where it cannot be."""
        unlike = self.colours.unlike(sighting.colours)
        if self.lost_ms is None:
            return likely_same(self.expected(t_ms), sighting.box, unlike, 0.0)
        # Whoever is hidden walks on, or turns round and comes out where they went in.
        places = self.expected(t_ms), self.motion.at_rest().at(t_ms)
        return min(likely_same(place, sighting.box, unlike, t_ms - self.lost_ms) for place in places)

    @property
    def is_doubtful(self) -> bool:
        """Perhaps a piece of the people around: the crop shows somebody, but `detect` sees nobody in this place."""
        return self.crowded and self.unconfirmed >= _SEARCHES

    def is_recent(self, t_ms: float) -> bool:
        """In sight again, or at all, for so short a time that a person who was there before is more credible."""
        return t_ms - self.since_ms < _RECENT_MS


class Crowd:
    """Everybody who is followed or was so a short time ago. Boxes are xyxy px of the frames."""

    def __init__(self, options: VideoOptions) -> None:
        self._options = options
        self._next = 1
        self._tracks: dict[int, Track] = {}

    @property
    def followed(self) -> list[Track]:
        """In sight."""
        return [track for track in self._tracks.values() if track.lost_ms is None]

    @property
    def lost(self) -> list[Track]:
        """Out of sight, not forgotten."""
        return [track for track in self._tracks.values() if track.lost_ms is not None]

    @property
    def size(self) -> int:
        """How many are in sight or not forgotten."""
        return len(self._tracks)

    def clear_out(self) -> None:
        """Forget everybody; numbers are not given again."""
        self._tracks = {}

    def shift(self, by: NDArray[np.float32]) -> None:
        """The camera moved: everybody's place moves with the picture. by: (2,) x, y px."""
        self._tracks = {
            number: replace(track, motion=track.motion.shifted(by), clear=track.clear.shifted(by))
            for number, track in self._tracks.items()
        }

    def forget(self, t_ms: float) -> bool:
        """Drop those whom nobody has seen for longer than the options' patience. Returns whether there were any."""
        before = len(self._tracks)
        seen = {number: t.motion.t_ms if t.lost_ms is None else t.lost_ms for number, t in self._tracks.items()}
        self._tracks = {n: t for n, t in self._tracks.items() if t_ms - seen[n] <= self._options.patience_ms}
        return len(self._tracks) < before

    def lose(self, number: int) -> None:
        """The person was not seen in this frame."""
        track = self._tracks[number]
        self._tracks[number] = replace(track, lost_ms=track.motion.t_ms)

    def confirm(self, scores: dict[int, float]) -> None:
        """Remember who was detected, with which score, in a search of the whole picture; the others were not."""
        for track in self.followed:
            score = scores.get(track.number)
            self._tracks[track.number] = (
                replace(track, unconfirmed=track.unconfirmed + 1)
                if score is None
                else replace(track, unconfirmed=0, score=score)
            )

    def sorted_out(self, sightings: dict[int, Sighting], t_ms: float) -> dict[int, Sighting]:
        """The sightings under the numbers of those whom they fit: where people meet, a crop may catch the other one."""
        if len(sightings) < 2:
            return sightings
        numbers, seen = list(sightings), list(sightings.values())
        cost = np.array([[self._tracks[n].unlikeness(sighting, t_ms) for sighting in seen] for n in numbers])
        pairs = dict(pair(cost - _OWN * np.eye(len(seen))))
        taken = set(pairs.values())
        pairs.update({n: n for n in range(len(seen)) if n not in pairs and n not in taken})
        return {numbers[row]: seen[column] for row, column in pairs.items()}

    def see(self, sightings: dict[int, Sighting], t_ms: float) -> None:
        """Take in where the followed people are at t_ms."""
        boxes = [sighting.box for sighting in sightings.values()]
        hidden = covered(np.array(boxes, np.float32))
        for (number, sighting), box, share in zip(sightings.items(), boxes, hidden, strict=True):
            track = self._tracks[number]
            motion = track.motion.moved(box, t_ms, self._options.min_cutoff, self._options.speed_gain)
            track = replace(track, motion=motion, crowded=bool(share > _CLEAR))
            if not track.crowded:
                track = replace(track, clear=motion, colours=track.colours.with_memory(sighting.colours))
            self._tracks[number] = track

    def enter(self, found: list[tuple[Sighting, float]], t_ms: float) -> dict[int, Sighting]:
        """Number people who were found, with their scores: lost ones get their number back, others the next one."""
        lost = self.lost
        cost = np.array([[track.unlikeness(sighting, t_ms) for sighting, _ in found] for track in lost], np.float64)
        again = {column: lost[row] for row, column in pair(cost.reshape(len(lost), len(found)))}
        numbered = {}
        for index, (sighting, score) in enumerate(found):
            motion = BoxMotion.start(sighting.box, t_ms)
            if index in again:
                track = replace(again[index], score=score, motion=motion, since_ms=t_ms, lost_ms=None, unconfirmed=0)
            else:
                track = Track(self._next, score, motion, motion, sighting.colours, t_ms)
                self._next += 1
            self._tracks[track.number] = track
            numbered[track.number] = sighting
        return numbered
