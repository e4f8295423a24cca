"""Colour of the samples that a visibility buffer saw: texture, sky light, key light with shadow."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.geometry import Geometry
from densepose_mobile.train.data.raster import Visibility, corner_weights
from densepose_mobile.train.data.shadows import TAPS, TURNS, ShadowMap

__all__ = ["Light", "shade"]

_DECODE = np.where(
    np.arange(256) / 255 <= 0.04045, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)


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
                p, q, r = uv_faces[k, 0], uv_faces[k, 1], uv_faces[k, 2]
                u = wa * uv[p, 0] + wb * uv[q, 0] + wc * uv[r, 0]
                v = wa * uv[p, 1] + wb * uv[q, 1] + wc * uv[r, 1]
                if table[m, 9] > 0:
                    # Directions of u and v on the posed face; the relief tilts the normal along them.
                    iu = min(table[m, 10] - 1, int((u - np.floor(u)) * np.float32(table[m, 10])))
                    iv = min(table[m, 9] - 1, int((v - np.floor(v)) * np.float32(table[m, 9])))
                    at = table[m, 8] + (iv * table[m, 10] + iu) * 2
                    along_u = (np.float32(texels[at]) - np.float32(127.5)) / np.float32(127.5)
                    along_v = (np.float32(texels[at + 1]) - np.float32(127.5)) / np.float32(127.5)
                    before = np.sqrt(max(np.float32(0.04), one - along_u * along_u - along_v * along_v))
                    u1, v1 = uv[q, 0] - uv[p, 0], uv[q, 1] - uv[p, 1]
                    u2, v2 = uv[r, 0] - uv[p, 0], uv[r, 1] - uv[p, 1]
                    side = one if u1 * v2 - u2 * v1 >= 0.0 else -one
                    ax, bx = vertices[b, 0] - vertices[a, 0], vertices[c, 0] - vertices[a, 0]
                    ay, by = vertices[b, 1] - vertices[a, 1], vertices[c, 1] - vertices[a, 1]
                    az, bz = vertices[b, 2] - vertices[a, 2], vertices[c, 2] - vertices[a, 2]
                    gx, gy, gz = (ax * v2 - bx * v1) * side, (ay * v2 - by * v1) * side, (az * v2 - bz * v1) * side
                    kx, ky, kz = (bx * u1 - ax * u2) * side, (by * u1 - ay * u2) * side, (bz * u1 - az * u2) * side
                    gl = along_u / np.sqrt(gx * gx + gy * gy + gz * gz + np.float32(1e-20))
                    kl = along_v / np.sqrt(kx * kx + ky * ky + kz * kz + np.float32(1e-20))
                    nx = nx * before + gx * gl + kx * kl
                    ny = ny * before + gy * gl + ky * kl
                    nz = nz * before + gz * gl + kz * kl
                    inv = one / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-20))
                    nx, ny, nz = nx * inv, ny * inv, nz * inv
                # Texture, bilinear, repeated.
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
        g.gloss, _DECODE, TURNS, TAPS, light.harmonics, light.key, light.direction, camera, shadows.depth,
        shadows.axes, np.float32(shadows.scale), shadows.offset, radius, out,
    )  # fmt: skip
    return out
