"""The protocol of a source, so that the feed and the tests know no camera and no decoder."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Source"]


class Source(Protocol):
    """Pictures over time. Opened, read and closed by one thread."""

    @property
    def title(self) -> str:
        """For people: "Camera 0", "dance.mp4"."""

    @property
    def interval_ms(self) -> float:
        """Time between pictures. 0: the source paces itself, `picture` waits until there is one, as a camera does."""

    @property
    def scene(self) -> int:
        """Grows at a cut: who was followed until then is not to be looked for in the next picture."""

    def picture(self, t_ms: float) -> NDArray[np.uint8] | None:
        """What the source shows at a time.

        t_ms: since the source was opened, pauses left out; it never runs backwards.
        Returns (H, W, 3) uint8 RGB, upright, the caller's to keep unchanged; None after the last picture.
        Raises InputError where the camera is lost or a file cannot be read.
        """

    def close(self) -> None:
        """Let go of the camera or the file."""
