"""Colour and truth of the samples that a visibility buffer saw: texture, sky light, key light with shadow."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.raster import Geometry, Visibility, corner_weights
from densepose_mobile.train.data.records import BARYCENTRIC_STEPS

__all__ = [
    "Light",
    "ShadowMap",
    "Truth",
    "ground_shadow",
    "no_shadows",
    "shade",
    "shadow_map",
    "truth",
]

_DECODE = np.where(
    np.arange(256) / 255 <= 0.04045, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)

_ANGLES = np.arange(64) * (2 * np.pi / 64) * 27  # in an order that hides the pattern
_TURNS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1).astype(np.float32)

_TAPS = np.array([[0, 0], [1, 0], [-1, 0], [0, 0.6], [0, -0.6]], np.float32)


@dataclass(frozen=True)
class Light:
    """The light of a picture, exposure included: an irradiance of pi makes a white wall 1.0.

    harmonics: (9, 3) float32 coefficients of irradiance / pi over the normal, order 2 (Ramamoorthi and Hanrahan
    2001). key: (3,) float32 irradiance / pi of a surface that faces the key light. direction: (3,) unit, to the key
    light. softness: metres of shadow blur per metre of distance, the key light's apparent radius.
    """

    harmonics: NDArray[np.float32]
    key: NDArray[np.float32]
    direction: NDArray[np.float32]
    softness: float

    def ambient(self, normal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sky irradiance / pi (3,) of a surface with this unit normal."""
        x, y, z = (float(v) for v in normal)
        basis = np.array([1, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], np.float32)
        return np.maximum(basis @ self.harmonics, 0.0).astype(np.float32)


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


@dataclass(frozen=True)
class Truth:
    """What lies at the pixel centres: (H, W) int32 face, (H, W, 2) uint8, (H, W) uint8, (H, W) float32 1 / depth."""

    face: NDArray[np.int32]
    barycentric: NDArray[np.uint8]
    instance: NDArray[np.uint8]
    inverse_depth: NDArray[np.float32]


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
            x0, x1 = max(0, int(np.ceil(min(xa, xb, xc)))), min(columns - 1, int(np.floor(max(xa, xb, xc))))
            y0, y1 = max(0, int(np.ceil(min(ya, yb, yc)))), min(rows - 1, int(np.floor(max(ya, yb, yc))))
            if x1 < x0 or y1 < y0:
                continue
            inv = one / area
            za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
            ax, bx = (yb - yc) * inv, (yc - ya) * inv
            ay, by = (xc - xb) * inv, (xa - xc) * inv
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
def _shade(  # type: ignore[no-untyped-def]
    face, mesh, inverse_depth, vertices, normals, screen, faces, uv_faces, uv, texels, table, gloss, decode, turns,
    taps, harmonics, key, direction, camera, depth, axes, scale, offset, radius, out,
):  # fmt: skip
    # One long function on purpose: handing arrays to another one in this loop doubles its time.
    one, half, cells = np.float32(1.0), np.float32(0.5), depth.shape[0]
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            cy, cx = 2 * row + 1, 2 * column + 1
            # One sample is enough where all nine see one smooth piece of surface.
            m = mesh[cy, cx]
            low = high = inverse_depth[cy, cx]
            smooth, empty = m >= 0, m < 0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    other = mesh[cy + dy, cx + dx]
                    smooth &= other == m
                    empty &= other < 0
                    w = inverse_depth[cy + dy, cx + dx]
                    low, high = min(low, w), max(high, w)
            if empty:
                continue
            single = smooth and high - low < np.float32(0.02) * high
            first, end = (4, 5) if single else (0, 9)
            for n in range(first, end):
                sy, sx = cy + n // 3 - 1, cx + n % 3 - 1
                m = mesh[sy, sx]
                if m < 0:
                    continue
                k = face[sy, sx]
                share = one if single else np.float32(0.0625 * (2 - abs(sy - cy)) * (2 - abs(sx - cx)))
                out[row, column, 3] += share
                x, y = np.float32(sx), np.float32(sy)
                a, b, c = faces[k, 0], faces[k, 1], faces[k, 2]
                wa, wb, wc = corner_weights(
                    screen[a, 0], screen[a, 1], screen[a, 2], screen[b, 0], screen[b, 1], screen[b, 2],
                    screen[c, 0], screen[c, 1], screen[c, 2], x, y,
                )  # fmt: skip
                px = wa * vertices[a, 0] + wb * vertices[b, 0] + wc * vertices[c, 0]
                py = wa * vertices[a, 1] + wb * vertices[b, 1] + wc * vertices[c, 1]
                pz = wa * vertices[a, 2] + wb * vertices[b, 2] + wc * vertices[c, 2]
                nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
                ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
                nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
                inv = np.float32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-20))
                vx, vy, vz = camera[0] - px, camera[1] - py, camera[2] - pz
                if table[m, 6] and nx * vx + ny * vy + nz * vz < 0.0:
                    inv = -inv
                nx, ny, nz = nx * inv, ny * inv, nz * inv
                # Texture, bilinear, repeated.
                p, q, r = uv_faces[k, 0], uv_faces[k, 1], uv_faces[k, 2]
                u = wa * uv[p, 0] + wb * uv[q, 0] + wc * uv[r, 0]
                v = wa * uv[p, 1] + wb * uv[q, 1] + wc * uv[r, 1]
                start, th, tw, channels = table[m, 2], table[m, 3], table[m, 4], table[m, 5]
                tx = (u - np.floor(u)) * np.float32(tw) - np.float32(0.5)
                ty = (v - np.floor(v)) * np.float32(th) - np.float32(0.5)
                ix, iy = int(np.floor(tx)), int(np.floor(ty))
                fx, fy = tx - np.float32(ix), ty - np.float32(iy)
                x0 = ix if ix >= 0 else tw - 1
                x1 = ix + 1 if ix + 1 < tw else 0
                y0 = iy if iy >= 0 else th - 1
                y1 = iy + 1 if iy + 1 < th else 0
                i00, i01 = start + (y0 * tw + x0) * channels, start + (y0 * tw + x1) * channels
                i10, i11 = start + (y1 * tw + x0) * channels, start + (y1 * tw + x1) * channels
                f00, f01, f10, f11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
                # Key light.
                facing = nx * direction[0] + ny * direction[1] + nz * direction[2]
                lit, shine = np.float32(0.0), np.float32(0.0)
                if facing > 0.0:
                    turn = ((sx * 73856093) ^ (sy * 19349663)) & 63
                    # Start a little off the surface, along the normal, or it shades itself.
                    lift = np.float32(0.012)
                    qx, qy, qz = px + nx * lift, py + ny * lift, pz + nz * lift
                    mx = (axes[0, 0] * qx + axes[0, 1] * qy + axes[0, 2] * qz) * scale + offset[0] + half
                    my = (axes[1, 0] * qx + axes[1, 1] * qy + axes[1, 2] * qz) * scale + offset[1] + half
                    limit = (
                        axes[2, 0] * qx
                        + axes[2, 1] * qy
                        + axes[2, 2] * qz
                        + np.float32(0.012)
                        + np.float32(1.5) / scale
                    )
                    cr, sr = turns[turn, 0] * radius, turns[turn, 1] * radius
                    for tap in range(5):
                        jx = int(mx + taps[tap, 0] * cr - taps[tap, 1] * sr)
                        jy = int(my + taps[tap, 0] * sr + taps[tap, 1] * cr)
                        if jx < 0 or jy < 0 or jx >= cells or jy >= cells or depth[jy, jx] <= limit:
                            lit += np.float32(0.2)
                    if lit > 0.0:
                        vl = one / np.sqrt(vx * vx + vy * vy + vz * vz)
                        hx, hy, hz = vx * vl + direction[0], vy * vl + direction[1], vz * vl + direction[2]
                        hl = one / np.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-20))
                        h = max(np.float32(0.0), (nx * hx + ny * hy + nz * hz) * hl)
                        h = h * h
                        h = h * h
                        h = h * h
                        shine = gloss[m] * h * h * lit
                        lit *= facing
                for ch in range(3):
                    albedo = (
                        f00 * decode[texels[i00 + ch]]
                        + f01 * decode[texels[i01 + ch]]
                        + f10 * decode[texels[i10 + ch]]
                        + f11 * decode[texels[i11 + ch]]
                    )
                    sky = (
                        harmonics[0, ch]
                        + harmonics[1, ch] * ny
                        + harmonics[2, ch] * nz
                        + harmonics[3, ch] * nx
                        + harmonics[4, ch] * nx * ny
                        + harmonics[5, ch] * ny * nz
                        + harmonics[6, ch] * (np.float32(3.0) * nz * nz - one)
                        + harmonics[7, ch] * nx * nz
                        + harmonics[8, ch] * (nx * nx - ny * ny)
                    )
                    value = albedo * (max(sky, np.float32(0.0)) + key[ch] * lit) + key[ch] * shine
                    # Shoulder: linear below 0.6, then bent so that 1.0 is reached late.
                    if value > 0.6:
                        value = np.float32(0.6) + np.float32(0.4) * (
                            one - np.exp((np.float32(0.6) - value) * np.float32(2.5))
                        )
                    out[row, column, ch] += share * value


def shade(
    geometry: Geometry, visibility: Visibility, light: Light, shadows: ShadowMap, camera: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(H, W, 4) float32: linear colour 0..1 times coverage, and coverage, of a pixel-wide tent.

    camera: (3,) position. Colours are display-referred: a soft shoulder has bent what is brighter than 0.6.
    """
    size = visibility.face.shape[0] // 2
    out = np.zeros((size, size, 4), np.float32)
    g = geometry
    v, radius = visibility, np.float32(max(1.0, 0.25 * light.softness * shadows.scale))
    _shade(
        v.face, v.mesh, v.inverse_depth, g.vertices, g.normals, g.screen, g.faces, g.uv_faces, g.uv, g.texels, g.table,
        g.gloss, _DECODE, _TURNS, _TAPS, light.harmonics, light.key, light.direction, camera, shadows.depth,
        shadows.axes, np.float32(shadows.scale), shadows.offset, radius, out,
    )  # fmt: skip
    return out


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
        _TURNS, _TAPS, contact, np.float32(contact_scale), contact_offset, lit, near,
    )  # fmt: skip
    return lit, near
