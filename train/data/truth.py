"""Truth at the pixel centres of what a visibility buffer saw: which face, where on it, whose."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.geometry import Geometry
from densepose_mobile.train.data.raster import Visibility, corner_weights
from densepose_mobile.train.data.records import BARYCENTRIC_STEPS

__all__ = ["Truth", "truth"]


@dataclass(frozen=True)
class Truth:
    """What lies at the pixel centres: (H, W) int32 face, (H, W, 2) uint8, (H, W) uint8, (H, W) float32 1 / depth."""

    face: NDArray[np.int32]
    barycentric: NDArray[np.uint8]
    instance: NDArray[np.uint8]
    inverse_depth: NDArray[np.float32]


@njit(cache=True, fastmath=True, nogil=True)
def _truth(face, mesh, inverse_depth, screen, faces, table, surface, steps, out_face, out_weights, out_instance, out_w):  # type: ignore[no-untyped-def]
    for y in range(out_face.shape[0]):
        for x in range(out_face.shape[1]):
            sy, sx = 2 * y + 1, 2 * x + 1
            k = face[sy, sx]
            out_face[y, x] = -1
            out_w[y, x] = inverse_depth[sy, sx]
            if k < 0:
                continue
            m = mesh[sy, sx]
            if table[m, 7] == 0:
                continue
            a, b, c = faces[k, 0], faces[k, 1], faces[k, 2]
            wa, wb, _ = corner_weights(
                screen[a, 0], screen[a, 1], screen[a, 2], screen[b, 0], screen[b, 1], screen[b, 2],
                screen[c, 0], screen[c, 1], screen[c, 2], np.float32(sx), np.float32(sy),
            )  # fmt: skip
            out_face[y, x] = k + surface[m]
            out_instance[y, x] = table[m, 7]
            qa = int(wa * steps + 0.5)
            out_weights[y, x, 0] = qa
            out_weights[y, x, 1] = min(int(wb * steps + 0.5), steps - qa)


def truth(geometry: Geometry, visibility: Visibility) -> Truth:
    """Face, barycentrics, person and inverse depth at the pixel centres; things are background."""
    size = visibility.face.shape[0] // 2
    face, instance = np.empty((size, size), np.int32), np.zeros((size, size), np.uint8)
    weights, inverse_depth = np.zeros((size, size, 2), np.uint8), np.empty((size, size), np.float32)
    g, v = geometry, visibility
    _truth(
        v.face, v.mesh, v.inverse_depth, g.screen, g.faces, g.table, g.surface, BARYCENTRIC_STEPS,
        face, weights, instance, inverse_depth,
    )  # fmt: skip
    return Truth(face, weights, instance, inverse_depth)
