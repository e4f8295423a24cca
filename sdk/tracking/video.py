"""A video, frame by frame: a crop follows each person, and newcomers are searched for now and then."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import StreamClosed
from densepose_mobile.imaging import as_rgb
from densepose_mobile.postprocess.maps import DenseMaps, paint_person
from densepose_mobile.postprocess.nms import box_iou
from densepose_mobile.postprocess.silhouette import Silhouette, disjoint, silhouette
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.stopwatch import Stopwatch
from densepose_mobile.tracking.appearance import PartColours
from densepose_mobile.tracking.association import NEVER, pair
from densepose_mobile.tracking.camera import CameraMotion
from densepose_mobile.tracking.clock import Clock
from densepose_mobile.tracking.options import VideoOptions
from densepose_mobile.tracking.tracks import Crowd, Sighting

__all__ = ["Find", "Look", "Video"]

Find = Callable[[NDArray[np.uint8], float, Stopwatch], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Picture (H, W, 3) uint8 RGB and least score -> boxes (N, 4) xyxy px of the picture and scores (N,), best first."""

Look = Callable[[NDArray[np.uint8], NDArray[np.float32], Stopwatch, float], DenseMaps | None]
"""Picture, box (4,) xyxy px of it, least probability of a person -> maps of the crop around the box, None below it."""

_CONFIRMED: Final = 0.5  # share of the least score that a detection needs to belong to somebody who is known already
_SAME: Final = 0.4  # IoU of a detection and a followed person from which they are the same
_REMNANT: Final = 0.3  # share of the pixels that a person keeps from neighbours below which nobody is there
_NEWCOMER: Final = 0.5  # the same for somebody new
_STILL_THERE: Final = 0.5  # least probability that a crop shows somebody who is followed already


class Video:
    """Follows people through the frames of one video; made by `DensePose.video`. Call it with each frame, in order.

    Each person who is followed costs one call of `track` a frame. `detect` runs on the first frame and in the frame in
    which somebody gets lost; then every `search_every` frames while somebody is lost, people overlap or nobody is
    followed, and else every `detect_every` frames, to find newcomers. Where there is more than one person, everybody's
    place moves along with the camera.
    Several threads may call it; calls wait for each other and for those of `DensePose.predict`.
    """

    def __init__(
        self,
        find: Find,
        look: Look,
        lock: AbstractContextManager[object] | None = None,
        *,
        color: str = "rgb",
        rotation: int = 0,
        score: float = 0.4,
        presence: float = 0.98,
        max_people: int = 20,
        duplicate: float = 0.8,
        options: VideoOptions | None = None,
    ) -> None:
        """find, look: the networks, which count their own time. lock: held while they run.

        color, rotation: of the frames, see `imaging.as_rgb`.
        score, presence, max_people, duplicate: as in `densepose_mobile.Options`; score and presence of newcomers.
        """
        self.options = options or VideoOptions()
        self._find, self._look, self._lock = find, look, lock or Lock()
        self._color, self._rotation = color, rotation
        self._score, self._presence = score, presence
        self._max_people, self._duplicate = max_people, duplicate
        self._clock = Clock()
        self._crowd = Crowd(self.options)
        self._camera = CameraMotion()
        self._size: tuple[int, ...] | None = None
        self._since_search: int | None = None  # frames since `detect` ran; None: it must at once
        self._closed = False

    def __call__(self, frame: NDArray[np.uint8], t_ms: float) -> DensePoseResult:
        """Find and follow the people of the next frame.

        frame: uint8 array of the video's colour layout. t_ms: when it was taken, in milliseconds from any origin, above
        that of the frame before. A frame of another size starts anew: nobody keeps the number.

        Returns people who have `Person.track`, best score first; the score is that of the newest detection.
        Raises TimestampError for a time that does not grow and InputError for a frame that does not fit; either leaves
        everything as it was, and the next good frame goes on. Raises StreamClosed after `close`.
        """
        with self._lock:
            watch = Stopwatch()
            if self._closed:
                raise StreamClosed("this video is closed: open another one with model.video()")
            self._clock.check(t_ms)
            with watch("read"):
                rgb = as_rgb(frame, self._color, self._rotation)
            now = self._clock.advance(t_ms)
            if rgb.shape != self._size:
                self._crowd.clear_out()
                self._camera.forget()
                self._since_search = None
                self._size = rgb.shape
            with watch("host"):
                self._crowd.shift(self._camera.shift(rgb))
            sightings = self._follow(rgb, now, watch)
            with watch("host"):
                if self._crowd.size > 1:  # whoever is alone is found again without it
                    self._camera.remember(rgb, [sighting.shape for sighting in sightings.values()])
                else:
                    self._camera.forget()
            people = self._painted(sightings, watch)
            return DensePoseResult(tuple(people), rgb.shape[0], rgb.shape[1], watch.timings())

    def close(self) -> None:
        """Forget everybody and take no more frames."""
        with self._lock:
            self._closed = True
            self._crowd.clear_out()
            self._camera.forget()

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self, rgb: NDArray[np.uint8], now: float, watch: Stopwatch) -> dict[int, Sighting]:
        """Who is where; the crowd knows it afterwards."""
        crowd = self._crowd
        with watch("host"):
            if crowd.forget(now) and not crowd.followed:
                self._since_search = None
            for track in crowd.followed:
                if track.is_doubtful:
                    crowd.lose(track.number)
            places = {track.number: track.predicted(now) for track in crowd.followed}
            due = self._search_is_due(rgb, now)
        strangers = self._search(rgb, places, watch) if due else None
        looks = {number: self._sight(rgb, box, watch, _STILL_THERE) for number, box in places.items()}
        with watch("host"):
            seen = crowd.sorted_out({n: look for n, look in looks.items() if look is not None}, now)
            sightings = self._without_rivals(seen, now)
            missing = looks.keys() - sightings.keys()
            for number in missing:
                crowd.lose(number)
            crowd.see(sightings, now)
        if strangers is None and missing:
            strangers = self._search(rgb, {number: sightings[number].box for number in sightings}, watch)
        if not strangers:
            return sightings
        room = max(self._max_people - len(sightings), 0)
        new = [(self._sight(rgb, box, watch, self._presence), score) for box, score in strangers[:room]]
        with watch("host"):
            found = [(sighting, score) for sighting, score in new if sighting is not None]
            fresh = self._not_yet_seen(rgb, list(sightings.values()), found)
            return {**sightings, **crowd.enter(fresh, now)}

    def _search(
        self, rgb: NDArray[np.uint8], places: dict[int, NDArray[np.float32]], watch: Stopwatch
    ) -> list[tuple[NDArray[np.float32], float]]:
        """Boxes and scores of detections that are nobody's in `places`, best first; the others confirm their people."""
        self._since_search = 0
        boxes, scores = self._find(rgb, self._score * _CONFIRMED, watch)
        with watch("host"):
            numbers = list(places)
            iou = box_iou(np.array(list(places.values()), np.float32).reshape(-1, 4), boxes)
            pairs = pair(np.where(iou >= _SAME, 1 - iou, NEVER))
            self._crowd.confirm({numbers[row]: float(scores[column]) for row, column in pairs})
            known = {column for _, column in pairs}
            unknown = [index for index in range(len(boxes)) if index not in known and scores[index] >= self._score]
            return [(boxes[index], float(scores[index])) for index in unknown]

    def _sight(
        self, rgb: NDArray[np.uint8], box: NDArray[np.float32], watch: Stopwatch, presence: float
    ) -> Sighting | None:
        maps = self._look(rgb, box, watch, presence)
        if maps is None:
            return None
        with watch("post"):
            shape = silhouette(maps.foreground, maps.roi, *rgb.shape[:2])
        if shape is None:
            return None
        with watch("host"):
            return Sighting(maps, shape, PartColours.seen(rgb, maps, shape))

    def _without_rivals(self, sightings: dict[int, Sighting], now: float) -> dict[int, Sighting]:
        """Where two tracks see the same person, as when one walks behind the other, only the one whom it fits stays."""
        tracks = {track.number: track for track in self._crowd.followed}
        best_first = sorted(
            sightings, key=lambda n: (tracks[n].is_recent(now), tracks[n].unlikeness(sightings[n], now), n)
        )
        shapes = [sightings[number].shape for number in best_first]
        owned = disjoint(shapes, [tracks[number].score for number in best_first], self._duplicate)
        kept = {
            number
            for number, shape in zip(best_first, owned, strict=True)
            if shape is not None and _share(shape, sightings[number].shape) >= _REMNANT
        }
        return {number: sighting for number, sighting in sightings.items() if number in kept}

    def _search_is_due(self, rgb: NDArray[np.uint8], now: float) -> bool:
        height, width = rgb.shape[:2]
        boxes = np.array([track.predicted(now) for track in self._crowd.lost], np.float32).reshape(-1, 4)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        may_return = ((centres >= 0) & (centres <= (width, height))).all(1).any()
        followed = self._crowd.followed
        often = may_return or not followed or any(track.crowded for track in followed)
        if self._since_search is None:
            return True
        self._since_search += 1
        return self._since_search >= (self.options.search_every if often else self.options.detect_every)

    def _not_yet_seen(
        self, rgb: NDArray[np.uint8], known: list[Sighting], found: list[tuple[Sighting, float]]
    ) -> list[tuple[Sighting, float]]:
        """Those found whose pixels are not mostly those of somebody known, or of a better one found."""
        shapes = [sighting.shape for sighting in (*known, *(sighting for sighting, _ in found))]
        owned = disjoint(shapes, [0.5] * len(shapes), self._duplicate)[len(known) :]
        return [
            (replace(sighting, colours=PartColours.seen(rgb, sighting.maps, shape)), score)
            for (sighting, score), shape in zip(found, owned, strict=True)
            if shape is not None and _share(shape, sighting.shape) >= _NEWCOMER
        ]

    def _painted(self, sightings: dict[int, Sighting], watch: Stopwatch) -> list[Person]:
        with watch("post"):
            score = {track.number: track.score for track in self._crowd.followed}
            best_first = sorted(sightings, key=lambda number: (-score[number], number))
            shapes = [sightings[number].shape for number in best_first]
            owned = disjoint(shapes, [score[number] for number in best_first], 1.0)
            return [
                replace(paint_person(sightings[number].maps, shape.without_islands(), score[number]), track=number)
                for number, shape in zip(best_first, owned, strict=True)
                if shape is not None
            ]


def _share(owned: Silhouette, claimed: Silhouette) -> float:
    return float(np.count_nonzero(owned.mask) / np.count_nonzero(claimed.mask))
