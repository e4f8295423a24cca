"""A video in, a video out: people followed from frame to frame, or every frame predicted by itself."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile import DensePose
from densepose_mobile.cli.inputs import OVERLAY, Job
from densepose_mobile.cli.outputs import partial_file, people, write_atomically
from densepose_mobile.draw import draw
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.imaging import as_rgb, name_for_opencv, open_video
from densepose_mobile.predictor import Mode

__all__ = ["predict_video"]

_WHOLE: Final = 0.9
"""Share of the frames that a file announces below which it seems to break off."""

_MOST_TICKS: Final = 65535
"""Of a second, in an MPEG-4 file."""


def predict_video(
    predictor: DensePose,
    job: Job,
    out: Path,
    mode: Mode | None,
    styles: tuple[str, ...],
    *,
    legend: bool = False,
    line: Callable[[dict[str, Any]], None] | None = None,
    advance: Callable[[int, int | None], None] = lambda done, total: None,
) -> str:
    """Predict every frame and write STEM.overlay.mp4 (no sound) and STEM.json with one record a frame.

    mode: None follows people, each of whom has a number in the records and on boxes; any mode predicts every frame by
    itself.
    line: called with each frame's record. advance: called with frames done and frames expected, if known.
    Returns a line for people. Raises InputError for a video that cannot be read, OutputError for one that cannot be
    written.
    """
    records: list[dict[str, Any]] = []
    target = out / f"{job.stem}{OVERLAY}.mp4"
    with _opened(job.path) as capture, partial_file(target) as partial, predictor.video() as follow:
        fps = capture.get(cv2.CAP_PROP_FPS)
        fps = fps if 0.01 <= fps <= 1000 else 30.0
        expected = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        writer = _Writer(partial, target, fps)
        try:
            for bgr, t_ms in _frames(capture, fps):
                rgb = as_rgb(bgr, "bgr")
                index = len(records)
                result = predictor.predict(rgb, mode=mode) if mode else follow(rgb, t_ms)
                record = {"frame": index, "t_ms": round(t_ms, 3), **result.as_dict()}
                records.append(record)
                if line:
                    line({"source": str(job.path), **record})
                if styles:
                    writer.add(draw(rgb, result, styles, legend=legend))
                advance(index + 1, expected if expected > index else None)
        finally:
            writer.close()
        if not records:
            raise InputError(f"{job.path} holds no frame that can be decoded: convert it to H.264 MP4 first")
        writer.check()
        summary = {"source": str(job.path), "fps": fps, "frames": records}
        path = write_atomically(out / f"{job.stem}.json", (json.dumps(summary) + "\n").encode())
    most = max(len(record["people"]) for record in records)
    # What a file announces is a guess in some formats, out by a frame or two.
    cut = f" of {expected} that the file announces" if len(records) < _WHOLE * expected else ""
    return f"{len(records)} frames{cut}, at most {people(most)} at a time -> {target if styles else path}"


class _Writer:
    """Opens with the first frame, whose size it takes."""

    def __init__(self, partial: Path, target: Path, fps: float) -> None:
        self._partial, self._target, self._fps = partial, target, fps
        self._writer: cv2.VideoWriter | None = None
        self._added = 0

    def add(self, rgb: NDArray[np.uint8]) -> None:
        # The codec stores colour at half size: an odd last row or column has no place in it.
        even = np.ascontiguousarray(rgb[: max(len(rgb) & ~1, 2), : max(rgb.shape[1] & ~1, 2)])
        if self._writer is None:
            codec, name = cv2.VideoWriter.fourcc(*"mp4v"), name_for_opencv(self._partial)
            self._writer = cv2.VideoWriter(name, codec, _writable(self._fps), (even.shape[1], even.shape[0]))
            if not self._writer.isOpened():
                raise OutputError(
                    f"cannot write {self._target}: the disk is full, or this OpenCV has no MP4 encoder; free some room "
                    "or use --draw none"
                )
        self._writer.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))
        self._added += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def check(self) -> None:
        """Raise OutputError unless every frame is in the file: OpenCV says nothing of a disk that has filled up."""
        if self._writer is None:
            return
        capture = cv2.VideoCapture(name_for_opencv(self._partial))
        found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if found < self._added:
            raise OutputError(
                f"cannot write {self._target}: {found} of {self._added} frames arrived on the disk; free some room or "
                "choose another --out"
            )


def _writable(fps: float) -> float:
    """The nearest rate that an MPEG-4 file can hold as OpenCV asks for it, as a whole number over a power of ten."""
    digits = next((digits for digits in (3, 2, 1) if round(fps, digits) * 10**digits <= _MOST_TICKS), 0)
    return round(fps, digits)


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    capture = open_video(path)
    try:
        yield capture
    finally:
        capture.release()


def _frames(capture: cv2.VideoCapture, fps: float) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Frames, (H, W, 3) uint8 BGR, and their times, ms, each after the one before it."""
    before: float | None = None
    while True:
        more, frame = capture.read()
        if not more:
            return
        told = capture.get(cv2.CAP_PROP_POS_MSEC)
        # Phones record at a rate that varies. Files without times tell 0 for each frame.
        before = max(told, 0.0) if before is None else told if told > before else before + 1000 / fps
        yield np.asarray(frame, np.uint8), before
