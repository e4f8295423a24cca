"""Flat colours and gradients laid over a person, with the picture's light left in them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw.palette import PALETTE, UV_CORNERS
from densepose_mobile.draw.patch import Patch, blur

__all__ = ["fill_parts", "fill_uv"]

_OPACITY: Final = 0.74
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
_PALETTE: Final = PALETTE.astype(np.float32)


def fill_parts(patch: Patch) -> NDArray[np.float32]:
    """Each part in its colour. Returns (h, w, 3) 0..255."""
    return _glaze(patch, _PALETTE[patch.part])


def fill_uv(patch: Patch) -> NDArray[np.float32]:
    """Each part in one and the same gradient over (U, V): blue (0, 0), rose (1, 0), teal (0, 1), gold (1, 1)."""
    u, v = patch.uv[0][..., None], patch.uv[1][..., None]
    corners = UV_CORNERS.astype(np.float32)
    low = corners[0, 0] * (1 - v) + corners[0, 1] * v
    high = corners[1, 0] * (1 - v) + corners[1, 1] * v
    return _glaze(patch, low * (1 - u) + high * u)


def _glaze(patch: Patch, colour: NDArray[np.float32]) -> NDArray[np.float32]:
    mask = patch.mask[..., None]
    softness = 0.6 * max(patch.unit, 1.0)
    cover = blur(np.concatenate([colour * mask, mask], 2), softness)
    alpha = cover[..., 3:]
    smooth = cover[..., :3] / np.maximum(alpha, np.float32(1e-3))
    light = (patch.rgb @ _LUMA)[..., None] / 255
    tinted = np.minimum(smooth * (0.66 + 0.5 * light), 255)
    weight = _OPACITY * alpha
    return np.asarray(patch.rgb * (1 - weight) + tinted * weight, np.float32)
