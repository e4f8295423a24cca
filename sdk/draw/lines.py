"""Anti-aliased lines on a person: the silhouette, the borders of parts, and iso-lines of U and V."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw.patch import Patch, blur

__all__ = ["contour", "iso_lines"]

_WHITE: Final = np.array([255, 255, 255], np.float32)
_DARK: Final = np.array([14, 16, 24], np.float32)
_LEVELS: Final = ((4, 1.0, 2.0), (8, 0.75, 9.0), (16, 0.5, 14.0))
"""Lines across a chart, their strength, and the spacing in units of a line below which they fade."""


def contour(patch: Patch) -> NDArray[np.float32]:
    """White silhouette on a soft dark edge, and fine lines where parts meet. Returns (h, w, 3) 0..255."""
    unit = patch.unit
    mask = patch.mask
    outline = _stroke(mask, 1.7 * unit)
    rim = np.clip(blur(outline, 1.6 * unit) * 1.3, 0, 0.55)
    rgb = _lay(patch.rgb, _DARK, rim)
    rgb = _lay(rgb, _WHITE, _borders(patch) * mask * 0.75)
    return _lay(rgb, _WHITE, outline * 0.95)


def iso_lines(patch: Patch) -> NDArray[np.float32]:
    """Lines of equal U in white and of equal V in near-black, more of them where there is room."""
    spreads = _spread(patch)
    rgb = patch.rgb
    for field, spread, ink, strength in zip(patch.uv, spreads, (_WHITE, _DARK), (0.9, 0.8), strict=True):
        rgb = _lay(rgb, ink, _levels(field, spread, patch.unit) * patch.mask * strength)
    return rgb


def _lay(rgb: NDArray[np.float32], ink: NDArray[np.float32], cover: NDArray[np.float32]) -> NDArray[np.float32]:
    cover = cover[..., None]
    return np.asarray(rgb * (1 - cover) + ink * cover, np.float32)


def _stroke(mask: NDArray[np.float32], thickness: float) -> NDArray[np.float32]:
    """(h, w) 0..1 coverage of a line on the edge of a mask. The blurred mask tells the distance from its edge."""
    sigma = (thickness / 2 + 0.5) / 1.2  # wide enough that the line ends before the blur does
    distance = (blur(mask, sigma) - 0.5) * sigma * np.float32(np.sqrt(2 * np.pi))
    return np.clip(thickness / 2 + 0.5 - np.abs(distance), 0, 1)


def _borders(patch: Patch) -> NDArray[np.float32]:
    """(h, w) 0..1 coverage of the lines between parts."""
    cover = np.zeros(patch.part.shape, np.float32)
    margin = int(4 * patch.unit) + 3
    for part in np.unique(patch.part):
        if part == 0:
            continue
        inside = patch.part == part
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        window = (
            slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
            slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
        )
        line = _stroke(inside[window].astype(np.float32), 1.0 * patch.unit)
        cover[window] = np.maximum(cover[window], line)
    return cover


def _spread(patch: Patch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How fast U and V grow, per px: their slopes between neighbours on one part, averaged over a few pixels."""
    part = patch.part
    across = (part[:, 1:] == part[:, :-1]) & (part[:, 1:] > 0)
    down = (part[1:] == part[:-1]) & (part[1:] > 0)
    squares = [np.zeros(part.shape, np.float32), np.zeros(part.shape, np.float32)]
    for axis, same, sides in (
        (1, across, ((slice(None), slice(1, None)), (slice(None), slice(None, -1)))),
        (0, down, ((slice(1, None), slice(None)), (slice(None, -1), slice(None)))),
    ):
        slopes = np.zeros((*part.shape, 3), np.float32)  # of U, of V, and the weight of both
        for side in sides:
            for channel, field in enumerate(patch.uv):
                slopes[(*side, channel)] += np.diff(field, axis=axis) * same
            slopes[(*side, 2)] += same
        slopes = blur(slopes, 1.5 * max(patch.unit, 0.8))
        weight = np.maximum(slopes[..., 2], np.float32(1e-3))
        for channel in range(2):
            squares[channel] += (slopes[..., channel] / weight) ** 2
    return np.sqrt(squares[0]), np.sqrt(squares[1])


def _levels(field: NDArray[np.float32], spread: NDArray[np.float32], unit: float) -> NDArray[np.float32]:
    cover = np.zeros(field.shape, np.float32)
    for count, strength, room in _LEVELS:
        level = np.rint(field * count)
        distance = np.abs(field * count - level) / np.maximum(spread * count, 1e-4)
        line = np.clip(0.45 * unit + 0.5 - distance, 0, 1)
        line[(level <= 0) | (level >= count)] = 0  # the chart's own edges
        spacing = 1 / np.maximum(spread * count, 1e-4)
        line *= np.clip(spacing / (room * unit) - 0.5, 0, 1) * strength
        cover = np.maximum(cover, line)
    return cover
