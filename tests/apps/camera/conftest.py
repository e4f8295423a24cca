"""A model that needs no bundle under a real stream, sources that need no camera, and files to read."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densepose_mobile.apps.camera.controller import Controller
from densepose_mobile.apps.camera.sources import Choice, Source
from densepose_mobile.apps.camera.state import Settings
from densepose_mobile.errors import BackendUnavailable, BundleError, DensePoseError, InputError
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.streaming import Stream

BLOCK = (255, 180, 40)  # the person's colour, RGB


def scene(height: int = 48, width: int = 64) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a bright block left of the middle on grey."""
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[height // 4 : 3 * height // 4, width // 8 : width // 2] = BLOCK
    return picture


def find_block(rgb: np.ndarray) -> DensePoseResult:
    """One person wherever red exceeds 200: upper half part 2, lower half part 10."""
    bright = rgb[..., 0] > 200
    people = []
    if bright.any():
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
        part = np.full((int(box[3] - box[1]), int(box[2] - box[0])), 2, np.uint8)
        part[len(part) // 2 :] = 10
        uv = np.full((2, *part.shape), 0.5, np.float32)
        people.append(Person(box, 0.9, part, uv, np.ones(part.shape, np.float32)))
    return DensePoseResult(tuple(people), *rgb.shape[:2], {"total": 1.0})


@dataclass(eq=False)
class FakeModel:
    """What `DensePose` gives to the demo; `gate` holds up predictions while it is cleared."""

    name: str
    backend: str
    gate: threading.Event
    streams: list[dict[str, Any]]
    streaming: Callable[[], object]

    def stream(self, on_result: Any, on_error: Any, **options: Any) -> Stream:
        def predict(frame: np.ndarray, t_ms: float) -> DensePoseResult:
            assert self.gate.wait(60)
            if frame.shape[0] == 13:
                raise InputError("13 px bring bad luck")
            return find_block(frame)

        self.streams.append({"model": self.name, **options})
        self.streaming()
        return Stream(predict, on_result, on_error)


@dataclass(eq=False)
class FakeLoad:
    """Loads fake models. `gate` holds up loading while it is cleared; `streaming` is called as a stream is made."""

    gate: threading.Event = field(default_factory=threading.Event)
    predicting: threading.Event = field(default_factory=threading.Event)
    loaded: list[tuple[str, str]] = field(default_factory=list)
    streams: list[dict[str, Any]] = field(default_factory=list)
    streaming: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.gate.set()
        self.predicting.set()

    def __call__(self, model: str, backend: str, threads: int) -> FakeModel:
        assert self.gate.wait(60)
        self.loaded.append((model, backend))
        if backend == "missing":
            raise BackendUnavailable('missing is not installed: pip install "missing"')
        if model == "broken":
            raise BundleError("broken is not a bundle")
        if model == "crash":
            raise RuntimeError("out of tensors")
        return FakeModel(
            model, "litert" if backend == "auto" else backend, self.predicting, self.streams, self.streaming
        )


@dataclass(eq=False)
class FakeSource:
    """Hands out pictures, then ends: with an error, or not at all."""

    pictures: list[np.ndarray]
    error: DensePoseError | None = None
    forever: bool = True
    title: str = "fake"
    interval_ms: float = 2.0
    scene: int = 0
    closed: bool = False
    times: list[float] = field(default_factory=list)

    def picture(self, t_ms: float) -> np.ndarray | None:
        index = len(self.times)
        self.times.append(t_ms)
        if index < len(self.pictures):
            return self.pictures[index]
        if self.error is not None:
            raise self.error
        return self.pictures[-1] if self.forever else None

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits for other threads."""

    def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.005)

    return wait


@pytest.fixture
def picture() -> np.ndarray:
    """A scene with one person."""
    return scene()


@pytest.fixture
def result(picture: np.ndarray) -> DensePoseResult:
    """What is found in it."""
    return find_block(picture)


@pytest.fixture
def fake_source() -> type[FakeSource]:
    return FakeSource


@pytest.fixture
def load() -> FakeLoad:
    return FakeLoad()


@pytest.fixture
def sources() -> dict[Choice, Source]:
    """What each choice opens; a choice that is not in it cannot be opened."""
    return {Choice("people"): FakeSource([scene()])}


@pytest.fixture
def controller(load: FakeLoad, sources: dict[Choice, Source], tmp_path: Path) -> Iterator[Controller]:
    """Not started yet."""

    def opening(choice: Choice) -> Source:
        if choice not in sources:
            raise InputError(f"{choice.title} does not open: choose another source")
        return sources[choice]

    made = Controller(Settings(out=tmp_path / "shots"), load=load, opening=opening)
    yield made
    load.gate.set()
    load.predicting.set()
    made.close()


@pytest.fixture
def save() -> Callable[[Path, np.ndarray], Path]:
    """Writes an RGB picture."""

    def write(path: Path, rgb: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(path.suffix, rgb[..., ::-1].copy())[1].tobytes())
        return path

    return write


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video whose frame i is grey of 20 + 10 i, red in the upper left quarter."""

    def write(name: str = "film.mp4", frames: int = 12, fps: float = 20.0) -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
        assert writer.isOpened()
        for index in range(frames):
            bgr = np.full((48, 64, 3), 20 + 10 * index, np.uint8)
            bgr[:24, :32] = (0, 0, 220)
            writer.write(bgr)
        writer.release()
        return path

    return write
