"""What the graphs say of a mirrored picture, said of the picture itself, and the mean of both.

A network sees a person and the mirror image with different errors; their mean errs less than either. Sides swap: what
is a left hand in the mirror is a right one.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.parts import MIRROR, MIRROR_FLIPS_U, MIRROR_FLIPS_V
from densepose_mobile.spec import MAP_OUTPUTS, ModelSpec

__all__ = ["MEAN_SCORE", "mean_detections", "mean_maps", "mirror_input", "mirror_weights"]

MEAN_SCORE: Final = 0.95
"""Share of the least score that the mean of two looks needs, as no lucky noise lifts it."""

_CHANNELS: Final = MIRROR[1:].astype(np.intp) - 1  # channel of each part's mirror part
_FLIPPED: Final = {"u": MIRROR_FLIPS_U[1:], "v": MIRROR_FLIPS_V[1:]}


def mirror_input(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mirrored network input. image: (N, H, W, C)."""
    return np.ascontiguousarray(image[:, :, ::-1])


def mirror_weights(wx: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pooling weights (N, roi_size, cells) along x of the same RoIs in the mirrored input."""
    return np.ascontiguousarray(wx[:, ::-1, ::-1])


def mean_detections(
    plain: tuple[NDArray[np.float32], NDArray[np.float32]],
    mirrored: tuple[NDArray[np.float32], NDArray[np.float32]],
    spec: ModelSpec,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of `detect`'s logits (1, L, 1) and distances (1, L, 4) of an input and of the mirrored one."""
    rows = _mirrored_rows(spec)
    logits, distances = (array[:, rows] for array in mirrored)
    return _mean(plain[0], logits), _mean(plain[1], distances[..., [2, 1, 0, 3]])


def mean_maps(
    plain: Sequence[NDArray[np.float32]], mirrored: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], ...]:
    """Mean of the dense maps (N, M, M, C) of an input and of the mirrored one, in the order of `spec.MAP_OUTPUTS`."""
    back = (_unmirrored(name, maps) for name, maps in zip(MAP_OUTPUTS, mirrored, strict=True))
    return tuple(_mean(ours, theirs) for ours, theirs in zip(plain, back, strict=True))


def _mean(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return (a + b) * np.float32(0.5)


def _unmirrored(name: str, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    turned = maps[:, :, ::-1]
    if name not in ("parts", "u", "v"):
        return turned
    turned = turned[..., _CHANNELS]
    return np.where(_FLIPPED[name], 1 - turned, turned) if name in _FLIPPED else turned


@lru_cache(maxsize=8)
def _mirrored_rows(spec: ModelSpec) -> NDArray[np.intp]:
    """(num_locations,) row of the location that lies where each one does in the mirror."""
    rows, start = [], 0
    for stride in spec.level_strides:
        cells = spec.detect_size // stride
        rows.append(start + np.arange(cells**2, dtype=np.intp).reshape(cells, cells)[:, ::-1].ravel())
        start += cells**2
    return np.concatenate(rows)
