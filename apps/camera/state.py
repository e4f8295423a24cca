"""What the demo shows, as plain values: the view draws them, the tests compare them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.apps.camera.live import LiveMode
from densepose_mobile.apps.camera.sources import Choice
from densepose_mobile.bundle import DEFAULT_BUNDLE
from densepose_mobile.draw import DEFAULT_STYLES

__all__ = ["Look", "Notice", "Picture", "Settings", "State"]


@dataclass(frozen=True)
class Settings:
    """What the demo starts with."""

    source: Choice = field(default_factory=lambda: Choice("people"))
    model: str = DEFAULT_BUNDLE  # path, or the name of a shipped bundle
    backend: str = "auto"
    mode: LiveMode = "video"
    styles: tuple[str, ...] = DEFAULT_STYLES
    threads: int = 2  # of the runtime
    out: Path = Path("snapshots")  # folder of the snapshots


@dataclass(frozen=True)
class Look:
    """How a picture is painted."""

    styles: tuple[str, ...] = DEFAULT_STYLES  # of densepose_mobile.draw
    opacity: float = 1.0  # 0..1, of the paint
    mirror: bool = False


@dataclass(frozen=True)
class Notice:
    """A line that the user is told."""

    text: str
    error: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """A painted picture for the screen."""

    rgb: NDArray[np.uint8]  # (H, W, 3), mirrored where the look says so
    serial: int  # grows with each
    seen: bool  # whether the model has seen it


@dataclass(frozen=True)
class State:
    """Everything on the screen but the picture itself."""

    source: Choice
    model: str
    backend: str  # as chosen
    running_on: str  # the backend that it came to; "" while there is no model
    mode: LiveMode
    look: Look
    paused: bool
    loading: str  # what is being loaded or opened, for people; "" when nothing is
    fps: float  # results a second over the last two seconds
    latency_ms: float | None  # median time from a frame's arrival to its result
    dropped: int  # frames that a newer one replaced before the model had time
    people: int  # in the newest result
    parts: Mapping[int, int]  # visible part -> pixels, in the newest result
    notice: Notice | None
