"""What the demo needs of a model: the live stream of `DensePose`, as a protocol."""

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.results import DensePoseResult

__all__ = ["LiveMode", "LiveModel", "LiveStream", "Load"]

LiveMode = Literal["video", "fast", "balanced", "accurate"]
"""How a stream looks at frames: following people from frame to frame, or each frame for itself."""


class LiveStream(Protocol):
    """Takes frames and lets the newest win."""

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced."""

    def push(self, frame: NDArray[np.uint8], t_ms: float) -> None:
        """Hand over a frame; returns at once."""

    def close(self) -> None:
        """End it."""


class LiveModel(Protocol):
    """The part of `DensePose` that the demo calls."""

    @property
    def backend(self) -> str:
        """Name of the runtime."""

    def stream(
        self,
        on_result: Callable[[DensePoseResult, NDArray[np.uint8], float], None],
        on_error: Callable[[Exception], None],
        *,
        color: str,
        mode: LiveMode,
    ) -> LiveStream:
        """Start a live stream. on_result: called with the result, the frame that was pushed, and its t_ms."""


Load = Callable[[str, str, int], LiveModel]
"""Model, backend, threads -> a loaded model; raises DensePoseError."""
