"""Two-dimensional augmentation of rendered pictures: mirror, grey borders, pasted occluders, light, lens and codec."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.parts import FINE_TO_COARSE, MIRROR, mirror_iuv
from densepose_mobile.train.data.targets import COARSE, PART_ONLY

__all__ = ["Photometric", "cut_window", "mirror", "mirror_points", "paste_occluder", "warp_image", "warp_labels"]

_GREY: Final = (128, 128, 128)
_LUMA: Final = np.array([[0.299, 0.587, 0.114]], np.float32)

_BYTES: Final = np.broadcast_to(np.arange(256, dtype=np.float32) / np.float32(255), (2, 25, 256))
_PARTS: Final = np.repeat(np.arange(25, dtype=np.uint8)[:, None], 256, 1)
_MIRROR_BYTES: Final = np.rint(mirror_iuv(_PARTS, _BYTES)[1] * np.float32(255)).astype(np.uint8)
"""(2, 25, 256) mirrored U and V of each part and byte."""

_MIRROR_CODES: Final = np.arange(256, dtype=np.uint8)
"""What each code of a label picture's part becomes in the mirror."""
_MIRROR_CODES[: len(MIRROR)] = MIRROR
_MIRROR_CODES[COARSE + FINE_TO_COARSE] = COARSE + FINE_TO_COARSE[MIRROR]
_MIRROR_CODES[PART_ONLY + 1 : PART_ONLY + len(MIRROR)] = PART_ONLY + MIRROR[1:]


def mirror(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The label picture (H, W, 4) of the mirrored picture: columns flipped, left and right parts and charts swapped.

    Background stays zero.
    """
    result = np.empty_like(labels)
    _mirror(labels, result, _MIRROR_CODES, _MIRROR_BYTES)
    return result


def mirror_points(points: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Surface points (K, 6) x, y, part, U, V, instance of the mirrored picture."""
    part, uv = mirror_iuv(points[:, 2].astype(np.uint8), points[:, 3:5].T)
    return np.column_stack([width - points[:, 0], points[:, 1], part, *uv, points[:, 5]]).astype(np.float32)


@njit(cache=True, nogil=True)
def _mirror(labels, result, parts, charts):  # type: ignore[no-untyped-def]
    width = labels.shape[1]
    for y in range(labels.shape[0]):
        for x in range(width):
            part = labels[y, width - 1 - x, 0]
            result[y, x, 3] = labels[y, width - 1 - x, 3]
            result[y, x, 0] = parts[part]
            if part == 0 or part >= charts.shape[1]:  # no coordinates there
                result[y, x, 1] = result[y, x, 2] = 0
            else:
                result[y, x, 1] = charts[0, part, labels[y, width - 1 - x, 1]]
                result[y, x, 2] = charts[1, part, labels[y, width - 1 - x, 2]]


def warp_image(image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """(size, size, 3) view of an image through `matrix` (2, 3), output to image pixels, centres at +0.5; grey beyond.

    Shrinking by more than 1.4 averages first.
    """
    shrink = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    matrix = matrix.copy()
    if shrink > 1.4:
        height, width = image.shape[:2]
        small = (max(round(width / shrink), 1), max(round(height / shrink), 1))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix *= np.array([[small[0] / width], [small[1] / height]])
    return np.asarray(
        cv2.warpAffine(
            image,
            _indexed(matrix),
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=_GREY,
        ),
        np.uint8,
    )


def warp_labels(labels: NDArray[np.uint8], matrix: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """A label picture (H, W, C) seen as `warp_image` sees an image: the label under each pixel's centre; 0 beyond."""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(labels, _indexed(matrix), (size, size), flags=flags), np.uint8)


def _indexed(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same map between whole-numbered pixel indices, as OpenCV counts."""
    shifted = matrix.copy()
    shifted[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1]) - 0.5
    return shifted


def cut_window(rng: np.random.Generator, height: int, width: int, most: float) -> tuple[int, int, int, int]:
    """A window x0, y0, x1, y1 px that leaves out up to `most` of the picture on each of some sides."""
    cut = rng.uniform(0, most, 4) * (rng.random(4) < 0.4)
    return int(cut[0] * width), int(cut[1] * height), width - int(cut[2] * width), height - int(cut[3] * height)


def paste_occluder(
    rng: np.random.Generator,
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    box: NDArray[np.floating],
    texture: NDArray[np.uint8],
) -> None:
    """Hide a part of the person in `box` behind a polygon or bar cut out of `texture`, in place.

    image: (H, W, 3), labels: (H, W, 4): zero under the occluder. texture: any picture (h, w, 3).
    """
    size = box[2:] - box[:2]
    centre = box[:2] + rng.random(2) * size
    reach = rng.uniform(0.1, 0.35) * float(size.max())
    corners = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = reach * rng.uniform(0.5, 1.0, corners)
    outline = np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
    if rng.random() < 0.3:  # a bar: a board, a frame, an arm of a chair
        outline = outline * (2.0, 0.2)
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.rint(centre + outline @ rotation.T).astype(np.int32)
    low = np.maximum(points.min(0), 0)
    high = np.minimum(points.max(0) + 1, (image.shape[1], image.shape[0]))
    width, height = (int(v) for v in high - low)
    if width < 2 or height < 2:
        return
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [points - low.astype(np.int32)], 1)
    inside = mask.astype(bool)
    x = int(rng.integers(0, max(texture.shape[1] - width, 0) + 1))
    y = int(rng.integers(0, max(texture.shape[0] - height, 0) + 1))
    patch = texture[y : y + height, x : x + width]
    if rng.random() < 0.25:
        patch = rng.integers(0, 256, 3).astype(np.uint8)[None, None]
    if patch.shape[:2] != (height, width):
        patch = np.asarray(cv2.resize(patch, (width, height)), np.uint8).reshape(height, width, 3)
    rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
    image[rows, columns][inside] = patch[inside]
    labels[rows, columns][inside] = 0


@dataclass(frozen=True)
class Photometric:
    """Light, colour, lens and codec. `strength` 0..1 scales the reach of every change."""

    strength: float = 1.0
    share: float = 0.6  # of the pictures that are changed at all
    grey: float = 0.08  # of the changed ones that lose their colour

    def __call__(self, rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A changed copy of (H, W, 3) uint8, or the picture itself."""
        if rng.random() >= self.share or self.strength <= 0:
            return image
        image = self._tone(rng, self._colour(rng, image))
        steps: tuple[tuple[float, Callable[[np.random.Generator, NDArray[np.uint8]], NDArray[np.uint8]]], ...] = (
            (0.15, self._blur),
            (0.1, self._shrink),
            (0.15, self._noise),
            (0.15, self._codec),
        )
        for share, step in steps:
            if rng.random() < share:
                image = step(rng, image)
        return image

    def _colour(self, rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        saturation = 0.0 if rng.random() < self.grey else 1.0 + rng.uniform(-0.6, 0.5) * self.strength
        hue = rng.normal(0, 0.08) * self.strength
        base = np.eye(3, dtype=np.float32) * saturation + (1 - saturation) * _LUMA
        third = np.float32(np.tan(hue) / np.sqrt(3))  # small turn about the grey axis
        turn = np.array([[1, -third, third], [third, 1, -third], [-third, third, 1]], np.float32)
        return np.asarray(cv2.transform(image, base @ turn), np.uint8)

    def _tone(self, rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        x = np.linspace(0, 1, 256)
        gamma = np.exp(rng.normal(0, 0.35) * self.strength)
        contrast = np.exp(rng.normal(0, 0.25) * self.strength)
        shift = rng.normal(0, 0.1) * self.strength
        cast = np.exp(rng.normal(0, 0.08, 3) * self.strength)
        curve = (x**gamma - 0.5) * contrast + 0.5 + shift
        table = np.clip(curve[:, None] * cast * 255, 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table[None]), np.uint8)

    def _blur(self, rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if rng.random() < 0.5:
            sigma = rng.uniform(0.3, 0.3 + 1.5 * self.strength)
            return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
        length = int(rng.integers(3, 4 + round(6 * self.strength)))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        reach = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
        middle = np.array([length - 1, length - 1]) / 2
        first, last = (tuple(int(v) for v in np.rint(middle + sign * reach)) for sign in (-1, 1))
        cv2.line(kernel, first, last, 1.0)
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)

    def _shrink(self, rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        factor = rng.uniform(1.0 - 0.65 * self.strength, 1.0)
        small = cv2.resize(image, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)

    def _noise(self, rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        sigma = np.full(3, rng.uniform(1, 1 + 14 * self.strength))
        noise = np.empty(image.shape, np.int8)
        cv2.setRNGSeed(int(rng.integers(1 << 31)))
        cv2.randn(noise, np.zeros(3), sigma)
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)

    def _codec(self, rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        quality = int(rng.uniform(95 - 70 * self.strength, 95))
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8) if done else image
