"""A picture and what was found in it, painted for the screen."""

from collections.abc import Callable
from dataclasses import replace
from threading import Condition, Thread

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.apps.camera.state import Look, Picture
from densepose_mobile.draw import draw
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["Painter", "mirrored", "paint"]


def paint(rgb: NDArray[np.uint8], result: DensePoseResult | None, look: Look) -> NDArray[np.uint8]:
    """The picture as the look says. rgb: (H, W, 3), as the source gave it. Returns (H, W, 3) uint8, C-contiguous.

    A mirror turns the picture, never the meaning: a person's left hand stays the left hand, and scores stay legible.
    """
    if look.mirror:
        rgb = np.ascontiguousarray(rgb[:, ::-1])
        result = None if result is None else mirrored(result)
    if result is None or not look.styles or look.opacity <= 0:
        return rgb
    painted = draw(rgb, result, look.styles)
    if look.opacity >= 1:
        return painted
    return np.asarray(cv2.addWeighted(painted, look.opacity, rgb, 1 - look.opacity, 0), np.uint8)


def mirrored(result: DensePoseResult) -> DensePoseResult:
    """The same people with the same labels on the picture flipped left to right."""
    return replace(result, people=tuple(_flipped(person, result.width) for person in result))


def _flipped(person: Person, width: int) -> Person:
    left, top, right, bottom = person.box
    return replace(
        person,
        box=np.array([width - right, top, width - left, bottom], np.float32),
        part=person.part[:, ::-1],
        uv=person.uv[:, :, ::-1],
        confidence=person.confidence[:, ::-1],
    )


class Painter:
    """Paints the newest picture on a thread of its own; what is overtaken is never painted.

    on_error: told what painting raised; the painter goes on.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._change = Condition()
        self._order: tuple[NDArray[np.uint8], DensePoseResult | None, Look] | None = None
        self._busy = self._stopped = False
        self._serial = 0
        self._picture: Picture | None = None
        self._thread = Thread(target=self._run, name="painter", daemon=True)
        self._thread.start()

    @property
    def picture(self) -> Picture | None:
        """The newest painted picture."""
        return self._picture

    def order(self, rgb: NDArray[np.uint8], result: DensePoseResult | None, look: Look) -> None:
        """Paint this next, in place of whatever waits."""
        with self._change:
            self._order = (rgb, result, look)
            self._change.notify_all()

    def clear(self) -> None:
        """Show nothing."""
        with self._change:
            self._order = self._picture = None
            self._serial += 1  # what is being painted comes too late

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is left to paint. Returns whether it came to that."""
        with self._change:
            return self._change.wait_for(lambda: self._order is None and not self._busy, seconds)

    def close(self) -> None:
        """Stop painting."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._order is not None or self._stopped)
                if self._stopped or self._order is None:
                    return
                order, self._order, self._busy = self._order, None, True
                self._serial += 1
                serial = self._serial
            try:
                painted = paint(*order)
            except Exception as error:
                self._on_error(error)
                painted = order[0]
            with self._change:
                self._busy = False
                if serial == self._serial:
                    self._picture = Picture(painted, serial, order[1] is not None)
                self._change.notify_all()
