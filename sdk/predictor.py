"""Picture in, people's dense pose out: detection, a look at each person, and sometimes a second, closer look."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.bundle import Bundle
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import Letterbox, as_rgb, crop_input, load_image, network_input
from densepose_mobile.options import Options
from densepose_mobile.postprocess.closer import closer_looks
from densepose_mobile.postprocess.decode import sigmoid
from densepose_mobile.postprocess.detections import select_people
from densepose_mobile.postprocess.maps import DenseMaps, paint_person
from densepose_mobile.postprocess.mirror import (
    MEAN_SCORE,
    mean_detections,
    mean_maps,
    mirror_input,
    mirror_weights,
)
from densepose_mobile.postprocess.rois import crop_square, roi_boxes, roi_weights
from densepose_mobile.postprocess.silhouette import disjoint, silhouette
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.runtime import Graph, Placement, Runtime, with_runtime
from densepose_mobile.stopwatch import Stopwatch
from densepose_mobile.streaming import Stream
from densepose_mobile.tracking import Video, VideoOptions

__all__ = ["DensePose", "Mode"]

Mode = Literal["fast", "balanced", "accurate"]


class DensePose:
    """A loaded model. `predict` may be called from several threads; calls wait for each other.

    >>> model = DensePose.load()                          # doctest: +SKIP
    >>> result = model.predict("photo.jpg")               # doctest: +SKIP
    >>> result[0].part, result[0].uv, result.iuv()        # doctest: +SKIP
    """

    def __init__(self, bundle: Bundle, runtime: Runtime, options: Options | None = None) -> None:
        self.options = options or Options()
        self.manifest = bundle.manifest
        self.backend = runtime.name
        self._spec = bundle.spec
        self._graphs: Mapping[str, Graph] = bundle.load(runtime)
        self._lock = Lock()

    @classmethod
    def load(
        cls, bundle: str | Path | bytes | None = None, backend: str = "auto", options: Options | None = None
    ) -> "DensePose":
        """Load a bundle and a runtime for it.

        bundle: a path, the bytes of a bundle, the name of one that the package ships, or None for the default.
        backend: a name of `runtime.backends()`, or "auto" for the first one that opens here and loads the bundle. What
        was chosen stands in `backend`, where its graphs lie in `placement`.

        Raises BundleError (HashMismatch, UnsupportedSchema) for the bundle, BackendUnavailable for the runtime.
        """
        options = options or Options()
        opened = Bundle.open(bundle)
        family, threads = opened.manifest.family, options.threads
        return with_runtime(family, lambda runtime: cls(opened, runtime, options), backend, threads)

    @property
    def placement(self) -> dict[str, Placement]:
        """Where each graph was asked to run and where it does, by name."""
        return {name: graph.placement for name, graph in self._graphs.items()}

    def predict(
        self,
        picture: str | Path | NDArray[np.uint8],
        *,
        color: str = "rgb",
        rotation: int = 0,
        mode: Mode = "balanced",
    ) -> DensePoseResult:
        """Find the people of a picture, and the part and surface coordinates of their pixels.

        picture: a file, whose EXIF orientation is applied, or a uint8 array of the layout `color` (see
        `imaging.as_rgb`). color: of an array; files are converted by themselves. rotation: 0, 90, 180 or 270 degrees
        clockwise that turn the picture upright; the result lies on the upright picture.
        mode: "fast" looks once at the whole picture. "balanced" looks at a crop of those whom it shows at least a
        quarter finer than the whole picture did (small people in large pictures), largest first, at most
        `Options.closer_looks`, and leaves out whom the crop does not show. "accurate" does so for all of them, takes
        in those of a lower score (`Options.doubtful`) whom their crop shows, and looks at everything in the mirror too,
        for the mean of both: twice the time.

        Raises InputError for what is not a picture, or an argument that is unknown.
        """
        if mode not in get_args(Mode):
            raise InputError(f"mode={mode!r} is unknown; use one of {', '.join(get_args(Mode))}")
        with self._lock:
            watch = Stopwatch()
            with watch("read"):
                rgb = _upright(picture, color, rotation)
            people = self._people(rgb, mode, watch)
            return DensePoseResult(tuple(people), rgb.shape[0], rgb.shape[1], watch.timings())

    def video(self, *, color: str = "rgb", rotation: int = 0, options: VideoOptions | None = None) -> Video:
        """Follow people through a video: `result = video(frame, t_ms)` for each frame, in order; see `Video`.

        color, rotation: of the frames, as in `predict`. Several videos may be open at a time.

        >>> with model.video(color="bgr") as video:                    # doctest: +SKIP
        ...     result = video(frame, t_ms)
        """
        return Video(
            self._find,
            self._look_closer,
            self._lock,
            color=color,
            rotation=rotation,
            score=self.options.score,
            presence=self.options.presence,
            max_people=self.options.max_people,
            duplicate=self.options.duplicate,
            options=options,
        )

    def stream(
        self,
        on_result: Callable[[DensePoseResult, NDArray[np.uint8], float], None],
        on_error: Callable[[Exception], None],
        *,
        color: str = "rgb",
        rotation: int = 0,
        mode: Mode | Literal["video"] = "video",
        options: VideoOptions | None = None,
    ) -> Stream:
        """Predict on a live camera without holding it up: `stream.push(frame, t_ms)`; see `Stream`.

        on_result: called with the result, the frame and its t_ms, on the stream's own thread. on_error: called there
        with whatever a frame raised. mode: "video" follows people (with `options`, see `video`); any mode of `predict`
        takes each frame for itself.
        """
        if mode == "video":
            video = self.video(color=color, rotation=rotation, options=options)
            return Stream(video, on_result, on_error)
        if mode not in get_args(Mode):
            raise InputError(f"mode={mode!r} is unknown; use one of video, {', '.join(get_args(Mode))}")
        alone: Mode = mode

        def predict(frame: NDArray[np.uint8], t_ms: float) -> DensePoseResult:
            return self.predict(frame, color=color, rotation=rotation, mode=alone)

        return Stream(predict, on_result, on_error)

    def __repr__(self) -> str:
        about = self.manifest
        return f"DensePose({about.name} {about.version}, {about.target} on {self.backend}, {self.options})"

    def _people(self, rgb: NDArray[np.uint8], mode: Mode, watch: Stopwatch) -> list[Person]:
        height, width = rgb.shape[:2]
        twice, options = mode == "accurate", self.options
        least = min(options.score, options.doubtful) if twice else options.score
        features, boxes, scores, letterbox = self._detect(rgb, least, watch, mirrored=twice)
        with watch("host"):
            places = letterbox.from_network(boxes)
            closer = self._worth_a_closer_look(places, letterbox, mode)
            sure = scores >= options.score * (MEAN_SCORE if twice else 1)
        looks = {index: self._look_closer(rgb, places[index], watch, options.presence, twice) for index in closer}
        maps = {index: look for index, look in looks.items() if look is not None}
        rest = [index for index in range(len(boxes)) if sure[index] and index not in looks]
        maps |= zip(rest, self._look(features, boxes[rest], letterbox, watch), strict=True)
        with watch("post"):
            shapes = {index: silhouette(look.foreground, look.roi, height, width) for index, look in maps.items()}
            found = [(maps[i], shape, float(scores[i])) for i in sorted(maps) if (shape := shapes[i]) is not None]
            owned = disjoint([shape for _, shape, _ in found], [score for *_, score in found], self.options.duplicate)
            return [
                paint_person(look, shape, score)
                for (look, _, score), shape in zip(found, owned, strict=True)
                if shape is not None
            ]

    def _detect(
        self, rgb: NDArray[np.uint8], score: float, watch: Stopwatch, *, mirrored: bool = False
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.float32], NDArray[np.float32], Letterbox]:
        """Features, boxes (N, 4) px of `detect`'s input, scores (N,) of at least `score`, and the mapping.

        mirrored: look at the mirror image besides; its features come second, boxes and scores are the mean of both.
        """
        with watch("pre"):
            image, letterbox = network_input(rgb, self._spec.detect_size)
        with watch("detect"):
            features, logits, distances = self._graphs["detect"](image)
            theirs = self._graphs["detect"](mirror_input(image)) if mirrored else None
        with watch("host"):
            both = [features]
            if theirs is not None:
                logits, distances = mean_detections((logits, distances), (theirs[1], theirs[2]), self._spec)
                both.append(theirs[0])
                score *= MEAN_SCORE
            boxes, scores = select_people(
                logits[0, :, 0],
                distances[0],
                self._spec,
                letterbox.to_network(np.array([0, 0, rgb.shape[1], rgb.shape[0]], np.float32)),
                score=score,
                iou=self.options.overlap,
                limit=self.options.max_people,
            )
        return both, boxes, scores, letterbox

    def _find(
        self, rgb: NDArray[np.uint8], score: float, watch: Stopwatch
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4) px of the picture and scores (N,), of at least `score`, best first."""
        _, boxes, scores, letterbox = self._detect(rgb, score, watch)
        return letterbox.from_network(boxes), scores

    def _look(
        self, features: list[NDArray[np.float32]], boxes: NDArray[np.float32], letterbox: Letterbox, watch: Stopwatch
    ) -> list[DenseMaps]:
        """Dense maps of the boxes (N, 4) px of `detect`'s input, in as few calls as the graphs' batches allow.

        features: of the picture, and of its mirror image where the mean of both is wanted.
        """
        with watch("host"):
            rois = roi_boxes(boxes, self._spec)
            wy, wx = roi_weights(rois, features[0].shape[1], self._spec.feature_stride, self._spec.roi_size)
            placed = letterbox.from_network(rois)
        maps: list[DenseMaps] = []
        while len(maps) < len(boxes):
            left = len(boxes) - len(maps)
            sizes = self._spec.roi_batches
            size = max((size for size in sizes if size <= left), default=min(sizes))
            rows = slice(len(maps), len(maps) + size)
            down, across = _filled(wy[rows], size), _filled(wx[rows], size)
            with watch("dense"):
                outputs = self._graphs[f"dense_{size}"](features[0], down, across)
                for theirs in features[1:]:
                    outputs = mean_maps(outputs, self._graphs[f"dense_{size}"](theirs, down, mirror_weights(across)))
            maps += [DenseMaps.from_outputs(outputs, row, placed[rows][row]) for row in range(min(size, left))]
        return maps

    def _worth_a_closer_look(self, boxes: NDArray[np.float32], letterbox: Letterbox, mode: Mode) -> list[int]:
        """Whom to look at in a crop. boxes: (N, 4) px of the picture."""
        if mode == "fast":
            return []
        finer = closer_looks(boxes, letterbox.scale, self._spec)
        return finer if mode == "accurate" else finer[: self.options.closer_looks]

    def _look_closer(
        self,
        rgb: NDArray[np.uint8],
        box: NDArray[np.float32],
        watch: Stopwatch,
        presence: float,
        mirrored: bool = False,
    ) -> DenseMaps | None:
        """Maps of a crop around the box (4,) px of the picture, or None where the crop shows no person.

        presence: 0..1, least probability that it does. mirrored: look at the mirror image besides; all is the mean of
        both.
        """
        with watch("pre"):
            crop, letterbox = crop_input(rgb, crop_square(box, self._spec), self._spec.track_size)
        with watch("track"):
            *maps, logit, _ = self._graphs["track"](crop)
            theirs = self._graphs["track"](mirror_input(crop)) if mirrored else None
        with watch("host"):
            if theirs is not None:
                maps = list(mean_maps(maps, theirs[: len(maps)]))
                logit = (logit + theirs[len(maps)]) * np.float32(0.5)
            if sigmoid(logit)[0, 0] < presence:
                return None
            return DenseMaps.from_outputs(maps, 0, letterbox.from_network(np.array(self._spec.track_roi, np.float32)))


def _upright(picture: str | Path | NDArray[np.uint8], color: str, rotation: int) -> NDArray[np.uint8]:
    if isinstance(picture, (str, Path)):
        return as_rgb(load_image(picture), "rgb", rotation)
    return as_rgb(picture, color, rotation)


def _filled(weights: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The weights, with RoIs of zeros up to the size of the graph's batch."""
    return np.concatenate([weights, np.zeros((size - len(weights), *weights.shape[1:]), np.float32)])
