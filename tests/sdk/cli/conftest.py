"""A model that needs no bundle, and pictures to give it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.results import DensePoseResult, Person


class FakeModel:
    """Finds one person of one part wherever the picture is bright: the tight box of red > 200."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def predict(self, image: Any, **options: Any) -> DensePoseResult:
        assert isinstance(image, np.ndarray)
        assert image.dtype == np.uint8
        assert image.ndim == 3
        self.calls.append({"shape": image.shape, **options})
        if image.shape[:2] == (13, 13):
            raise InputError("13 x 13 px brings bad luck")
        if image.shape[:2] == (14, 14):
            cv2.resize(np.zeros((0, 0), np.uint8), (4, 4))
        bright = image[..., 0] > 200
        people = []
        if bright.any():
            rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
            box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
            part = np.where(bright[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 3, 0).astype(np.uint8)
            uv = np.stack([part / 6, part / 12]).astype(np.float32)
            people.append(Person(box, 0.875, part, uv, (part > 0).astype(np.float32)))
        return DensePoseResult(tuple(people), *image.shape[:2], {"total": 12.5})

    @contextmanager
    def video(self) -> Iterator[Callable[[Any, float], DensePoseResult]]:
        def follow(image: Any, t_ms: float) -> DensePoseResult:
            result = self.predict(image, t_ms=t_ms)
            return replace(result, people=tuple(replace(person, track=7) for person in result))

        yield follow


def scene(height: int = 48, width: int = 64) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a bright block, a quarter of the picture, left of the middle."""
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[height // 4 : 3 * height // 4, width // 8 : 5 * width // 8] = (255, 180, 40)
    return picture


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    """The model that the commands get, whatever they ask for."""
    from densepose_mobile.cli import demo, predict

    fake = FakeModel()
    for module in (predict, demo):
        monkeypatch.setattr(module, "load_model", lambda *_: fake)
    return fake


@pytest.fixture
def save() -> Callable[..., Path]:
    """Writes an RGB picture to a path, making its folders."""

    def write(path: Path, picture: np.ndarray | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rgb = scene() if picture is None else picture
        path.write_bytes(cv2.imencode(path.suffix, rgb[..., ::-1].copy())[1].tobytes())
        return path

    return write
