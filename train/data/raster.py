"""A visibility buffer on the CPU: which face every sample of the picture sees, and where on that face.

Samples lie on a grid of half pixels, (2 size + 1) squared; those with odd row and column are the pixel centres and
carry the truth, all of them carry colour (shading.py averages them with a tent). Inverse depth is affine on the
screen, so a triangle costs three additions a sample; barycentrics are recomputed, perspective-correct, only for the
samples that win.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.geometry import Geometry

__all__ = ["Visibility", "barycentric_steps", "corner_weights", "pixel_bounds", "rasterise"]


@dataclass(frozen=True)
class Visibility:
    """face: (S, S) int32 packed face number, -1 nothing; mesh: (S, S) int16; S = 2 size + 1."""

    face: NDArray[np.int32]
    mesh: NDArray[np.int16]
    inverse_depth: NDArray[np.float32]


@njit(cache=True, inline="always")
def pixel_bounds(xa, ya, xb, yb, xc, yc, columns, rows):  # type: ignore[no-untyped-def]
    """First and last column, first and last row of the samples in a triangle's box; empty where first > last."""
    x0 = max(0, int(np.ceil(min(xa, xb, xc))))
    x1 = min(columns - 1, int(np.floor(max(xa, xb, xc))))
    y0 = max(0, int(np.ceil(min(ya, yb, yc))))
    y1 = min(rows - 1, int(np.floor(max(ya, yb, yc))))
    return x0, x1, y0, y1


@njit(cache=True, inline="always")
def barycentric_steps(xa, ya, xb, yb, xc, yc, inv):  # type: ignore[no-untyped-def]
    """Steps along x (ax, bx) and along y (ay, by) of the weights of corners a and b; inv: 1 / twice the signed area."""
    return (yb - yc) * inv, (yc - ya) * inv, (xc - xb) * inv, (xa - xc) * inv


@njit(cache=True, fastmath=True, nogil=True)
def _fill(screen, faces, uv_faces, uv, texels, hidden, table, face_out, mesh_out, inverse_depth):  # type: ignore[no-untyped-def]
    rows, columns = inverse_depth.shape
    zero, one, slack = np.float32(0.0), np.float32(1.0), np.float32(-1e-6)
    for m in range(table.shape[0]):
        start, height, width, channels, two_sided = table[m, 2], table[m, 3], table[m, 4], table[m, 5], table[m, 6]
        tested = channels == 4
        for k in range(table[m, 0], table[m, 1]):
            if hidden[k]:
                continue
            a, b, c = faces[k, 0], faces[k, 1], faces[k, 2]
            wa, wb, wc = screen[a, 2], screen[b, 2], screen[c, 2]
            if wa <= zero or wb <= zero or wc <= zero:
                continue
            xa, ya, xb, yb, xc, yc = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
            area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
            if area >= zero and two_sided == 0:  # y down: counter-clockwise outside is negative here
                continue
            if abs(area) < np.float32(1e-9):
                continue
            x0, x1, y0, y1 = pixel_bounds(xa, ya, xb, yb, xc, yc, columns, rows)
            if x1 < x0 or y1 < y0:
                continue
            ax, bx, ay, by = barycentric_steps(xa, ya, xb, yb, xc, yc, one / area)
            for y in range(y0, y1 + 1):
                dx, dy = np.float32(x0) - xc, np.float32(y) - yc
                la = ax * dx + ay * dy
                lb = bx * dx + by * dy
                for x in range(x0, x1 + 1):
                    lc = one - la - lb
                    if la >= slack and lb >= slack and lc >= slack:
                        w = la * wa + lb * wb + lc * wc
                        if w > inverse_depth[y, x]:
                            seen = True
                            if tested:
                                p, q, r = uv_faces[k, 0], uv_faces[k, 1], uv_faces[k, 2]
                                pa, pb, pc = la * wa / w, lb * wb / w, lc * wc / w
                                u = pa * uv[p, 0] + pb * uv[q, 0] + pc * uv[r, 0]
                                v = pa * uv[p, 1] + pb * uv[q, 1] + pc * uv[r, 1]
                                tx = min(width - 1, int((u - np.floor(u)) * width))
                                ty = min(height - 1, int((v - np.floor(v)) * height))
                                seen = texels[start + (ty * width + tx) * 4 + 3] >= 128
                            if seen:
                                inverse_depth[y, x] = w
                                face_out[y, x] = k
                                mesh_out[y, x] = m
                    la += ax
                    lb += bx


def rasterise(geometry: Geometry, size: int) -> Visibility:
    """Which face each sample of a size x size picture sees."""
    side = 2 * size + 1
    face = np.full((side, side), -1, np.int32)
    mesh = np.full((side, side), -1, np.int16)
    inverse_depth = np.zeros((side, side), np.float32)
    g = geometry
    _fill(g.screen, g.faces, g.uv_faces, g.uv, g.texels, g.hidden, g.table, face, mesh, inverse_depth)
    return Visibility(face, mesh, inverse_depth)


@njit(cache=True, fastmath=True, nogil=True)
def corner_weights(xa, ya, wa, xb, yb, wb, xc, yc, wc, x, y):  # type: ignore[no-untyped-def]
    """Perspective-correct weights of a triangle's corners at the sample (x, y) in half pixels; they sum to 1.

    Takes numbers, not arrays: counting references to arrays in an inner loop costs more than the arithmetic.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    inv = one / ((xb - xa) * (yc - ya) - (yb - ya) * (xc - xa))
    la = ((yb - yc) * (x - xc) + (xc - xb) * (y - yc)) * inv
    lb = ((yc - ya) * (x - xc) + (xa - xc) * (y - yc)) * inv
    pa, pb, pc = max(la * wa, zero), max(lb * wb, zero), max((one - la - lb) * wc, zero)
    total = one / (pa + pb + pc + np.float32(1e-20))
    return pa * total, pb * total, pc * total
