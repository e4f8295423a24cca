"""Procedural hair: strands of one colour."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.fabrics import Colour

__all__ = ["hair_texture"]

_SIZE: Final = 128


def _strands() -> NDArray[np.float32]:
    """(4, S, S) brightness of strands that run down the texture, mean 1."""
    out = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        fine = cv2.GaussianBlur(rng.normal(size=(_SIZE, _SIZE)).astype(np.float32), (0, 0), 0.7, None, 14)
        coarse = cv2.GaussianBlur(rng.normal(size=(_SIZE, _SIZE)).astype(np.float32), (0, 0), 4, None, 30)
        both = fine / fine.std() * 0.16 + coarse / coarse.std() * 0.14
        out.append(np.clip(1 + both, 0.4, 1.8))
    return np.stack(out)


_STRANDS: Final = _strands()


def hair_texture(colour: Colour, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(128, 128, 3) sRGB strands of a colour."""
    light = _STRANDS[int(rng.integers(len(_STRANDS)))]
    return np.clip(light[..., None] * np.array(colour, np.float32), 0, 255).astype(np.uint8)
