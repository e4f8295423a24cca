"""Arrays of any camera layout to upright RGB."""

from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError

__all__ = ["COLORS", "ROTATIONS", "Color", "Rotation", "as_rgb", "flatten_alpha"]

Color = Literal["rgb", "bgr", "rgba", "bgra", "gray", "nv21"]
Rotation = Literal[0, 90, 180, 270]

COLORS: Final[tuple[str, ...]] = ("rgb", "bgr", "rgba", "bgra", "gray", "nv21")
ROTATIONS: Final[tuple[int, ...]] = (0, 90, 180, 270)

_CHANNELS: Final = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4}
_TURNS: Final = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_STRIP: Final = 256  # rows; bounds the memory of blending


def as_rgb(array: NDArray[np.uint8], color: str = "rgb", rotation: int = 0) -> NDArray[np.uint8]:
    """Convert a camera frame or decoded picture to upright RGB.

    array: uint8, (H, W, 3) for "rgb" and "bgr", (H, W, 4) for "rgba" and "bgra", (H, W) or (H, W, 1) for "gray",
    (3 H / 2, W) for "nv21" (Android's camera: luma rows, then interleaved V, U rows; H and W even).
    rotation: degrees clockwise that turn the picture upright, as Android's `rotationDegrees` tells.
    Alpha is blended on white, as a viewer would show it. Returns (H, W, 3) uint8, C-contiguous; it shares the memory of
    `array` where nothing needs to change. Raises InputError, with the shape expected and the shape given.
    """
    if color not in COLORS:
        raise InputError(f"color={color!r} is unknown: use one of {', '.join(COLORS)}")
    if rotation not in ROTATIONS:
        raise InputError(f"rotation={rotation!r} is not a quarter turn: use 0, 90, 180 or 270 degrees clockwise")
    _check(array, color)
    if color == "rgb":
        rgb: NDArray[Any] = array
    elif color == "bgr":
        rgb = cv2.cvtColor(np.ascontiguousarray(array), cv2.COLOR_BGR2RGB)
    elif color == "gray":
        rgb = cv2.cvtColor(np.ascontiguousarray(array.reshape(array.shape[:2])), cv2.COLOR_GRAY2RGB)
    elif color == "nv21":
        rgb = cv2.cvtColor(np.ascontiguousarray(array), cv2.COLOR_YUV2RGB_NV21)
    else:
        rgb = flatten_alpha(array, bgr=color == "bgra")
    if rotation:
        rgb = cv2.rotate(np.ascontiguousarray(rgb), _TURNS[rotation])
    return np.ascontiguousarray(rgb, np.uint8)


def flatten_alpha(array: NDArray[np.uint8], *, bgr: bool) -> NDArray[np.uint8]:
    """Blend straight alpha on white. array: (H, W, 4) uint8, RGBA or BGRA. Returns (H, W, 3) uint8 RGB."""
    array = np.ascontiguousarray(array)
    rgb = np.asarray(cv2.cvtColor(array, cv2.COLOR_BGRA2RGB if bgr else cv2.COLOR_RGBA2RGB), np.uint8)
    if array[..., 3].min() == 255:
        return rgb
    for top in range(0, len(array), _STRIP):
        strip = slice(top, top + _STRIP)
        alpha = array[strip, :, 3:].astype(np.uint16)
        blended = rgb[strip] * alpha + 255 * (255 - alpha) + 127
        rgb[strip] = blended // 255
    return rgb


def _check(array: NDArray[np.uint8], color: str) -> None:
    if not isinstance(array, np.ndarray):
        raise InputError(f"expected a numpy array, got {type(array).__name__}: pass numpy.asarray(picture) or a path")
    expected = {"gray": "(H, W) or (H, W, 1)", "nv21": "(3 H / 2, W) with even H and W"}.get(
        color, f"(H, W, {_CHANNELS.get(color)})"
    )
    got = f"got {array.dtype} {array.shape}"
    if array.dtype != np.uint8:
        mend = {"f": "multiply 0..1 by 255 and convert", "b": "multiply by 255 and convert"}.get(array.dtype.kind)
        if mend is None:
            mend = "shift 16-bit values right by 8 and convert" if array.dtype.itemsize == 2 else "convert"
        raise InputError(f"color={color!r} expects uint8 {expected}, {got}: {mend} with .astype(numpy.uint8)")
    if array.size == 0:
        raise InputError(f"color={color!r} expects uint8 {expected}, {got}: the picture is empty")
    if color == "gray":
        fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    elif color == "nv21":
        fits = array.ndim == 2 and array.shape[0] % 3 == 0 and array.shape[1] % 2 == 0
    else:
        fits = array.ndim == 3 and array.shape[2] == _CHANNELS[color]
    if not fits:
        raise InputError(f"color={color!r} expects uint8 {expected}, {got}{_mend(array)}")


def _mend(array: NDArray[np.uint8]) -> str:
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        return ': a grey picture? say color="gray"'
    if array.ndim == 3 and array.shape[2] == 4:
        return ': with alpha? say color="rgba" or "bgra"'
    if array.ndim == 3 and array.shape[2] == 3:
        return ': colour? say color="rgb" or "bgr"'
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        return ": channels first? use array.transpose(1, 2, 0)"
    if array.ndim == 4:
        return ": a batch? pass one picture at a time"
    return ""
