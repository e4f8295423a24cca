"""Shadow of the key light: depth seen from the light, and what of the light reaches the ground."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.geometry import Geometry
from densepose_mobile.train.data.raster import barycentric_steps, pixel_bounds

__all__ = ["TAPS", "TURNS", "ShadowMap", "ground_shadow", "no_shadows", "shadow_map"]

_ANGLES = np.arange(64) * (2 * np.pi / 64) * 27  # in an order that hides the pattern
TURNS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1).astype(np.float32)

TAPS = np.array([[0, 0], [1, 0], [-1, 0], [0, 0.6], [0, -0.6]], np.float32)
"""Where a shadow is looked up around a sample, in radii of its blur; turned by one of TURNS (cosine, sine)."""


@dataclass(frozen=True)
class ShadowMap:
    """Depth towards the key light, seen by an orthographic view along it.

    axes: (3, 3) rows right, up, to the light. depth: (N, N) float32, distance along the third axis of the nearest
    surface to the light; far negative where nothing is. scale: cells a metre; offset: (2,) cells.
    """

    axes: NDArray[np.float32]
    depth: NDArray[np.float32]
    scale: float
    offset: NDArray[np.float32]


@njit(cache=True, fastmath=True, nogil=True)
def _fill_depth(points, faces, hidden, table, depth):  # type: ignore[no-untyped-def]
    rows, columns = depth.shape
    zero, one, slack = np.float32(0.0), np.float32(1.0), np.float32(-1e-6)
    for m in range(table.shape[0]):
        two_sided = table[m, 6]
        for k in range(table[m, 0], table[m, 1]):
            if hidden[k]:
                continue
            a, b, c = faces[k, 0], faces[k, 1], faces[k, 2]
            xa, ya, xb, yb = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
            xc, yc = points[c, 0], points[c, 1]
            area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
            if abs(area) < np.float32(1e-9) or (area < zero and two_sided == 0):
                continue
            x0, x1, y0, y1 = pixel_bounds(xa, ya, xb, yb, xc, yc, columns, rows)
            if x1 < x0 or y1 < y0:
                continue
            za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
            ax, bx, ay, by = barycentric_steps(xa, ya, xb, yb, xc, yc, one / area)
            for y in range(y0, y1 + 1):
                dx, dy = np.float32(x0) - xc, np.float32(y) - yc
                la = ax * dx + ay * dy
                lb = bx * dx + by * dy
                for x in range(x0, x1 + 1):
                    lc = one - la - lb
                    if la >= slack and lb >= slack and lc >= slack:
                        z = la * za + lb * zb + lc * zc
                        if z > depth[y, x]:
                            depth[y, x] = z
                    la += ax
                    lb += bx


@njit(cache=True, fastmath=True, nogil=True)
def _seen_along(vertices, axes):  # type: ignore[no-untyped-def]
    out = np.empty_like(vertices)
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        for k in range(3):
            out[v, k] = axes[k, 0] * x + axes[k, 1] * y + axes[k, 2] * z
    return out


def _light_axes(direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3, 3) rows right, up, towards the light."""
    towards = direction / np.linalg.norm(direction)
    helper = np.array([0.0, 1.0, 0.0]) if abs(towards[1]) < 0.95 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards]).astype(np.float32)


def no_shadows(direction: NDArray[np.float32]) -> ShadowMap:
    """A map in which nothing shades anything."""
    return ShadowMap(_light_axes(direction), np.full((1, 1), -1e9, np.float32), 1.0, np.zeros(2, np.float32))


def shadow_map(geometry: Geometry, direction: NDArray[np.float32], cells: int = 448) -> ShadowMap:
    """Depth map of all meshes along the key light."""
    axes = _light_axes(direction)
    points = _seen_along(geometry.vertices, axes)
    depth = np.full((cells, cells), -1e9, np.float32)
    if len(points) == 0:
        return ShadowMap(axes, depth, 1.0, np.zeros(2, np.float32))
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    scale = float((cells - 9) / max(float((high - low).max()), 0.5))
    offset = (4.0 - low * scale).astype(np.float32)
    points[:, :2] = points[:, :2] * scale + offset
    _fill_depth(points, geometry.faces, geometry.hidden, geometry.table, depth)
    return ShadowMap(axes, depth, scale, offset)


@njit(cache=True, fastmath=True, nogil=True)
def _ground(  # type: ignore[no-untyped-def]
    rays, camera, depth, axes, scale, offset, softness, turns, taps, contact, contact_scale, contact_offset, lit, near,
):  # fmt: skip
    rows, columns = contact.shape
    cells = depth.shape[0]
    for y in range(rays.shape[0]):
        for x in range(rays.shape[1]):
            lit[y, x] = 1.0
            near[y, x] = 1.0
            if rays[y, x, 1] > -1e-4:
                continue
            t = -camera[1] / rays[y, x, 1]
            if t <= 0.0:
                continue
            px, pz = camera[0] + t * rays[y, x, 0], camera[2] + t * rays[y, x, 2]
            gx, gy = px * contact_scale + contact_offset[0], pz * contact_scale + contact_offset[1]
            ix, iy = int(np.floor(gx)), int(np.floor(gy))
            if ix >= 0 and iy >= 0 and ix < columns - 1 and iy < rows - 1:
                fx, fy = gx - ix, gy - iy
                near[y, x] = 1.0 - (
                    contact[iy, ix] * (1 - fx) * (1 - fy)
                    + contact[iy, ix + 1] * fx * (1 - fy)
                    + contact[iy + 1, ix] * (1 - fx) * fy
                    + contact[iy + 1, ix + 1] * fx * fy
                )
            mx = (axes[0, 0] * px + axes[0, 2] * pz) * scale + offset[0] + np.float32(0.5)
            my = (axes[1, 0] * px + axes[1, 2] * pz) * scale + offset[1] + np.float32(0.5)
            limit = axes[2, 0] * px + axes[2, 2] * pz + np.float32(0.01)
            total = 0
            for s in range(4):
                turn = (((x * 73856093) ^ (y * 19349663)) + 5 * s) & 63
                reach = softness * np.float32(0.4 + 0.35 * s)
                cr, sr = turns[turn, 0] * reach, turns[turn, 1] * reach
                for tap in range(5):
                    jx = int(mx + taps[tap, 0] * cr - taps[tap, 1] * sr)
                    jy = int(my + taps[tap, 0] * sr + taps[tap, 1] * cr)
                    if jx < 0 or jy < 0 or jx >= cells or jy >= cells or depth[jy, jx] <= limit:
                        total += 1
            lit[y, x] = np.float32(0.05) * total


def ground_shadow(
    rays: NDArray[np.float32],
    camera: NDArray[np.float32],
    shadows: ShadowMap,
    softness: float,
    contact: NDArray[np.float32],
    contact_scale: float,
    contact_offset: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For pixels that see the ground plane y = 0: fraction of key light that arrives, and of sky light; else 1.

    rays: (H, W, 3) world directions. contact: (N, M) 0..1 sky light that standing things take from the ground, on a
    grid over (x, z) of contact_scale cells a metre. Returns two (H, W) float32.
    """
    lit, near = np.empty(rays.shape[:2], np.float32), np.empty(rays.shape[:2], np.float32)
    radius = max(1.0, 0.5 * softness * shadows.scale)
    _ground(
        rays, camera, shadows.depth, shadows.axes, np.float32(shadows.scale), shadows.offset, np.float32(radius),
        TURNS, TAPS, contact, np.float32(contact_scale), contact_offset, lit, near,
    )  # fmt: skip
    return lit, near
