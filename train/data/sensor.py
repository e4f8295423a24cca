"""What lens, sensor and phone do to a picture: blur, noise, white balance, contrast, sharpening, compression."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["develop", "encode_srgb"]

_NOISE: Final = np.random.default_rng(20).standard_normal((640, 640, 3)).astype(np.float32)
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)
_ENCODE_STEPS: Final = 4096
_ENCODE: Final = (
    255 * np.where(
        np.arange(_ENCODE_STEPS) / (_ENCODE_STEPS - 1) <= 0.0031308,
        12.92 * np.arange(_ENCODE_STEPS) / (_ENCODE_STEPS - 1),
        1.055 * (np.arange(_ENCODE_STEPS) / (_ENCODE_STEPS - 1)) ** (1 / 2.4) - 0.055,
    )
).astype(np.float32)  # fmt: skip


def _motion(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A straight, centred smear of 3 to 11 px: symmetric, so the truth stays where it is."""
    length = int(rng.choice([3, 5, 7, 9, 11], p=[0.3, 0.3, 0.2, 0.12, 0.08]))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    for t in np.linspace(-0.5, 0.5, 4 * length):
        x, y = (length - 1) * (0.5 + t * np.cos(angle)), (length - 1) * (0.5 + t * np.sin(angle))
        kernel[round(y), round(x)] += 1
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)


def encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear light (H, W, 3) float32 0..1 to an sRGB picture uint8, as a perfect camera would see it."""
    return (_encoded(linear) + 0.5).astype(np.uint8)


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    codes = np.clip(linear * (_ENCODE_STEPS - 1), 0, _ENCODE_STEPS - 1).astype(np.int32)
    return np.take(_ENCODE, codes)


def develop(linear: NDArray[np.float32], rng: np.random.Generator) -> tuple[NDArray[np.uint8], dict[str, float]]:
    """Linear light (H, W, 3) float32 0..1 to an sRGB picture uint8, and what was done to it.

    Nothing here moves a pixel: the truth of the rendering stays the truth of the picture.
    """
    done: dict[str, float] = {}
    size = linear.shape[0]
    image = linear
    if rng.random() < 0.6:  # white balance that is a little or very wrong
        spread = 0.05 if rng.random() < 0.75 else 0.16
        image = image * np.exp(rng.normal(0, spread, 3)).astype(np.float32)
    if rng.random() < 0.25:  # vignette
        across = np.linspace(-1, 1, size, dtype=np.float32) ** 2
        image = image * (1 - np.float32(rng.uniform(0.05, 0.3)) * (across[:, None] + across[None, :]))[..., None]
    if rng.random() < 0.13:
        image = _motion(image, rng)
        done["motion"] = 1.0
    if rng.random() < 0.2:
        sigma = float(rng.uniform(0.4, 1.1)) if rng.random() < 0.8 else float(rng.uniform(1.1, 2.2))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
        done["blur"] = round(sigma, 2)
    image = _encoded(image)
    if rng.random() < 0.65:  # contrast, brightness, saturation of the phone's own taste
        contrast, middle = float(np.exp(rng.normal(0, 0.13))), float(rng.uniform(95, 140))
        image = (image - middle) * contrast + middle + float(rng.normal(0, 9))
        saturation = float(np.exp(rng.normal(0, 0.22)))
        grey = image @ _GREY
        image = (grey[..., None] + (image - grey[..., None]) * saturation).astype(np.float32, copy=False)
    if rng.random() < 0.035:
        image = np.repeat((image @ _GREY)[..., None], 3, axis=2)
        done["grey"] = 1.0
    image = image.astype(np.float32, copy=False)
    if rng.random() < 0.2:  # sharpened
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        image = image + np.float32(rng.uniform(0.3, 1.2)) * (image - soft)
    if rng.random() < 0.6:
        top, left = rng.integers(0, 640 - size, 2) if size < 640 else (0, 0)
        noise = _NOISE[top : top + size, left : left + size]
        sigma = float(rng.exponential(3.0)) + 0.5
        sigma = min(sigma, 16.0)
        if noise.shape[:2] == image.shape[:2]:
            image = image + np.float32(sigma) * noise
            done["noise"] = round(sigma, 1)
    out = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.12:  # few pixels, enlarged
        side = int(size * rng.uniform(0.4, 0.85))
        small = cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA)
        out = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
        done["side"] = float(side)
    if rng.random() < 0.35:
        quality = int(rng.integers(25, 90))
        _, jpeg = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
        done["jpeg"] = float(quality)
    return out, done
