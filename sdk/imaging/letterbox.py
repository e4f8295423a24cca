"""The one way from a picture to network input, and of points and boxes between the two frames.

A letterbox is a square window on the picture, which may reach beyond it, sampled to `size` x `size` pixels. Both
frames have their origin at the top left corner, with pixel centres at +0.5, so that the mapping is one scale and one
shift with no half-pixel term: network = source * scale + pad.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from densepose_mobile.errors import InputError

__all__ = ["INPUT_MEAN", "INPUT_SCALE", "Letterbox", "crop_input", "network_input"]

INPUT_MEAN: Final = 127.5
INPUT_SCALE: Final = 127.5
"""Network input = (RGB - INPUT_MEAN) / INPUT_SCALE, so that -1..1 spans 0..255 and grey padding is 0."""


@dataclass(frozen=True)
class Letterbox:
    """The mapping between source pixels and the pixels of one square network input.

    network = source * scale + pad, both in pixels with centres at +0.5.
    """

    size: int  # px, side of the network input
    scale: float  # network px per source px, the same along x and y
    pad: tuple[float, float]  # x, y px, network frame: where the source's origin lies

    @classmethod
    def fit(cls, width: int, height: int, size: int) -> "Letterbox":
        """The whole picture, scaled until its longer side fills `size`, centred to the nearest whole pixel."""
        if width < 1 or height < 1 or size < 1:
            raise InputError(f"a picture of {width} x {height} px cannot be fitted into {size} px: sides must be >= 1")
        scale = size / max(width, height)
        # Whole-pixel padding leaves pictures that need no scaling as they are.
        pad_x = (size - max(round(width * scale), 1)) // 2
        pad_y = (size - max(round(height * scale), 1)) // 2
        return cls(size, scale, (float(pad_x), float(pad_y)))

    @classmethod
    def window(cls, square: ArrayLike, size: int) -> "Letterbox":
        """A square of the picture. square: (4,) xyxy px, may reach beyond the picture."""
        box = np.asarray(square, np.float64)
        if box.shape != (4,) or not np.isfinite(box).all():
            raise InputError(f"a crop square is 4 finite numbers x0, y0, x1, y1; got {np.asarray(square)!r}")
        x0, y0, x1, y1 = (float(value) for value in box)
        side = max(x1 - x0, y1 - y0)
        if side <= 0 or abs((x1 - x0) - (y1 - y0)) > 1e-3 * side + 1e-3:
            raise InputError(f"a crop square has equal sides > 0; got {x1 - x0:.3f} x {y1 - y0:.3f} px")
        scale = size / side
        return cls(size, scale, (-x0 * scale, -y0 * scale))

    def to_network(self, points: ArrayLike) -> NDArray[np.float32]:
        """Source to network. points: (..., 2) x, y or (..., 4) xyxy px; the same shape comes back, float32."""
        array = np.asarray(points, np.float64)
        return (array * self.scale + self._shift(array)).astype(np.float32)

    def from_network(self, points: ArrayLike) -> NDArray[np.float32]:
        """Network to source. points: (..., 2) x, y or (..., 4) xyxy px; the same shape comes back, float32."""
        array = np.asarray(points, np.float64)
        return ((array - self._shift(array)) / self.scale).astype(np.float32)

    def sample(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Draw the window.

        rgb: (H, W, 3) uint8. Returns (1, size, size, 3) float32 network input, 0 beyond the picture. Shrinking
        averages the area under each network pixel, so that fine patterns do not alias; enlarging is bilinear.
        """
        height, width = rgb.shape[:2]
        # Only the part of the picture under the window is touched, and a network pixel more for the bilinear border.
        x0, y0, x1, y1 = (float(v) for v in self.from_network([-1.0, -1.0, self.size + 1.0, self.size + 1.0]))
        left, top = max(math.floor(x0), 0), max(math.floor(y0), 0)
        right, bottom = min(math.ceil(x1), width), min(math.ceil(y1), height)
        if right <= left or bottom <= top:
            return np.zeros((1, self.size, self.size, 3), np.float32)
        part: NDArray[Any] = rgb[top:bottom, left:right]
        columns, rows = right - left, bottom - top
        if self.scale < 1.0:
            columns = max(round(columns * self.scale), 1)
            rows = max(round(rows * self.scale), 1)
            part = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
        picture = part.astype(np.float32)
        picture -= INPUT_MEAN
        picture /= INPUT_SCALE
        # Network px per px of `part`; the whole numbers of columns and rows leave a rest that the warp makes up for.
        scale_x = self.scale * (right - left) / columns
        scale_y = self.scale * (bottom - top) / rows
        shift_x = self.pad[0] + left * self.scale
        shift_y = self.pad[1] + top * self.scale
        return self._warp(picture, scale_x, scale_y, shift_x, shift_y)[None]

    def _warp(
        self, picture: NDArray[np.float32], scale_x: float, scale_y: float, shift_x: float, shift_y: float
    ) -> NDArray[np.float32]:
        rows, columns = picture.shape[:2]
        whole = shift_x.is_integer() and shift_y.is_integer() and scale_x == scale_y == 1.0
        if whole and min(shift_x, shift_y) >= 0 and shift_x + columns <= self.size and shift_y + rows <= self.size:
            canvas = np.zeros((self.size, self.size, 3), np.float32)
            canvas[int(shift_y) : int(shift_y) + rows, int(shift_x) : int(shift_x) + columns] = picture
            return canvas
        # OpenCV puts pixel centres at whole numbers, hence the half pixels.
        matrix = np.array(
            [
                [scale_x, 0.0, shift_x + 0.5 * scale_x - 0.5],
                [0.0, scale_y, shift_y + 0.5 * scale_y - 0.5],
            ]
        )
        # Edge pixels are stretched outwards and then cut off where the picture ends: no dark rim from the padding.
        warped = cv2.warpAffine(
            picture, matrix, (self.size, self.size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        first, last = round(shift_x), round(shift_x + columns * scale_x)
        warped[:, : max(first, 0)] = 0.0
        warped[:, max(last, first + 1, 0) :] = 0.0
        first, last = round(shift_y), round(shift_y + rows * scale_y)
        warped[: max(first, 0)] = 0.0
        warped[max(last, first + 1, 0) :] = 0.0
        return np.asarray(warped, np.float32)

    def _shift(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        if array.ndim == 0 or array.shape[-1] not in (2, 4):
            raise InputError(f"points are (..., 2) x, y or (..., 4) xyxy; got shape {array.shape}")
        return np.tile(np.asarray(self.pad, np.float64), array.shape[-1] // 2)


def network_input(rgb: NDArray[np.uint8], size: int) -> tuple[NDArray[np.float32], Letterbox]:
    """Letterbox a whole picture.

    rgb: (H, W, 3) uint8. Returns (1, size, size, 3) float32, (RGB - 127.5) / 127.5 with 0 around the picture, and the
    mapping. Raises InputError for another shape or dtype.
    """
    _check(rgb)
    letterbox = Letterbox.fit(rgb.shape[1], rgb.shape[0], size)
    return letterbox.sample(rgb), letterbox


def crop_input(rgb: NDArray[np.uint8], square: ArrayLike, size: int) -> tuple[NDArray[np.float32], Letterbox]:
    """Sample a square of the picture.

    rgb: (H, W, 3) uint8. square: (4,) xyxy px, fractions and places beyond the picture allowed. Returns
    (1, size, size, 3) float32, (RGB - 127.5) / 127.5 with 0 beyond the picture, and the mapping. Raises InputError.
    """
    _check(rgb)
    letterbox = Letterbox.window(square, size)
    return letterbox.sample(rgb), letterbox


def _check(rgb: NDArray[np.uint8]) -> None:
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        got = f"{rgb.dtype} {rgb.shape}" if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise InputError(f"expected an RGB picture, uint8 (H, W, 3); got {got}. as_rgb() converts other layouts")
