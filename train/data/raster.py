"""A visibility buffer on the CPU: which face every sample of the picture sees, and where on that face.

Samples lie on a grid of half pixels, (2 size + 1) squared; those with odd row and column are the pixel centres and
carry the truth, all of them carry colour (shading.py averages them with a tent). Inverse depth is affine on the
screen, so a triangle costs three additions a sample; barycentrics are recomputed, perspective-correct, only for the
samples that win.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.camera import Camera

__all__ = ["NEAR", "Geometry", "Mesh", "Visibility", "corner_weights", "pack", "rasterise"]

NEAR = 0.12
"""Metres; a face with a corner nearer than this is not drawn."""


@dataclass(frozen=True)
class Mesh:
    """One textured triangle mesh of a picture.

    vertices: (V, 3) float32 m, world. faces: (F, 3) int32. uv_faces: (F, 3) int32. uv: (T, 2) float32, u right,
    v down. texture: (h, w, 3) or (h, w, 4) uint8 sRGB; a fourth channel is tested against 0.5.
    hidden: (F,) bool or None. instance: number of the person in the picture, 0 for things.
    first_face: number of face 0 in the surface set, -1 for things. bias: metres that the mesh is pulled to the
    camera, so that cloth wins over the skin below. gloss: strength of the highlight.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    uv_faces: NDArray[np.int32]
    uv: NDArray[np.float32]
    texture: NDArray[np.uint8]
    double_sided: bool = True
    hidden: NDArray[np.bool_] | None = None
    instance: int = 0
    first_face: int = -1
    bias: float = 0.0
    gloss: float = 0.1


@dataclass(frozen=True)
class Geometry:
    """All meshes of a picture in one set of arrays, as the kernels want them.

    vertices: (V, 3) world. normals: (V, 3) unit. screen: (V, 3) x, y in half pixels and 1 / depth (0 behind NEAR).
    table: (M, 8) int64, a row a mesh: first face, end face, texture start, height, width, channels, two-sided,
    instance. surface: (M,) int64, number to add to a face to get its number in the surface set (things: far negative).
    """

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    screen: NDArray[np.float32]
    faces: NDArray[np.int32]
    uv_faces: NDArray[np.int32]
    uv: NDArray[np.float32]
    texels: NDArray[np.uint8]
    hidden: NDArray[np.bool_]
    table: NDArray[np.int64]
    surface: NDArray[np.int64]
    gloss: NDArray[np.float32]


@dataclass(frozen=True)
class Visibility:
    """face: (S, S) int32 packed face number, -1 nothing; mesh: (S, S) int16; S = 2 size + 1."""

    face: NDArray[np.int32]
    mesh: NDArray[np.int16]
    inverse_depth: NDArray[np.float32]


@njit(cache=True, fastmath=True, nogil=True)
def _normals(vertices, faces, out):  # type: ignore[no-untyped-def]
    out[:] = 0.0
    for k in range(faces.shape[0]):
        i, j, m = faces[k, 0], faces[k, 1], faces[k, 2]
        ax, ay, az = vertices[j, 0] - vertices[i, 0], vertices[j, 1] - vertices[i, 1], vertices[j, 2] - vertices[i, 2]
        bx, by, bz = vertices[m, 0] - vertices[i, 0], vertices[m, 1] - vertices[i, 1], vertices[m, 2] - vertices[i, 2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, m):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-20
        out[v, 0] /= length
        out[v, 1] /= length
        out[v, 2] /= length


@njit(cache=True, fastmath=True, nogil=True)
def _project(vertices, rotation, position, focal, cx, cy, bias, near, out):  # type: ignore[no-untyped-def]
    for v in range(vertices.shape[0]):
        dx, dy, dz = vertices[v, 0] - position[0], vertices[v, 1] - position[1], vertices[v, 2] - position[2]
        z = rotation[2, 0] * dx + rotation[2, 1] * dy + rotation[2, 2] * dz
        if z < near:
            out[v, 0] = 0.0
            out[v, 1] = 0.0
            out[v, 2] = 0.0
            continue
        x = rotation[0, 0] * dx + rotation[0, 1] * dy + rotation[0, 2] * dz
        y = rotation[1, 0] * dx + rotation[1, 1] * dy + rotation[1, 2] * dz
        out[v, 0] = 2.0 * (focal * x / z + cx)
        out[v, 1] = 2.0 * (focal * y / z + cy)
        out[v, 2] = 1.0 / max(z - bias, near)


@njit(cache=True, fastmath=True, nogil=True)
def _texel_ratio(screen, faces, uv_faces, uv, height, width, step):  # type: ignore[no-untyped-def]
    """Texels per sample, from the areas of every `step`-th face."""
    texels, samples = 1e-9, 1e-9
    for k in range(0, faces.shape[0], step):
        a, b, c = faces[k, 0], faces[k, 1], faces[k, 2]
        if screen[a, 2] <= 0.0 or screen[b, 2] <= 0.0 or screen[c, 2] <= 0.0:
            continue
        samples += abs(
            (screen[b, 0] - screen[a, 0]) * (screen[c, 1] - screen[a, 1])
            - (screen[b, 1] - screen[a, 1]) * (screen[c, 0] - screen[a, 0])
        )
        p, q, r = uv_faces[k, 0], uv_faces[k, 1], uv_faces[k, 2]
        texels += (
            abs((uv[q, 0] - uv[p, 0]) * (uv[r, 1] - uv[p, 1]) - (uv[q, 1] - uv[p, 1]) * (uv[r, 0] - uv[p, 0]))
            * height
            * width
        )
    return np.sqrt(texels / samples)


def _reduced(mesh: Mesh, screen: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The texture at one to two texels a pixel, so that a small person does not sparkle."""
    height, width = mesh.texture.shape[:2]
    if min(height, width) <= 16:
        return mesh.texture
    step = max(1, len(mesh.faces) // 1000)
    ratio = float(_texel_ratio(screen, mesh.faces, mesh.uv_faces, mesh.uv, height, width, step))
    level = int(np.clip(np.floor(np.log2(max(ratio, 1e-3)) + 0.8), 0, 5))
    if level == 0:
        return mesh.texture
    size = (max(4, width >> level), max(4, height >> level))
    return np.asarray(cv2.resize(mesh.texture, size, interpolation=cv2.INTER_AREA), np.uint8)


def pack(meshes: Sequence[Mesh], camera: Camera) -> Geometry:
    """Project the meshes, compute normals, reduce textures and put all in one set of arrays."""
    vertex_counts = [len(m.vertices) for m in meshes]
    face_counts = [len(m.faces) for m in meshes]
    vertex_start = np.concatenate([[0], np.cumsum(vertex_counts)]).astype(np.int64)
    face_start = np.concatenate([[0], np.cumsum(face_counts)]).astype(np.int64)
    vertices = np.empty((int(vertex_start[-1]), 3), np.float32)
    normals, screen = np.empty_like(vertices), np.empty_like(vertices)
    faces = np.empty((int(face_start[-1]), 3), np.int32)
    uv_faces = np.empty_like(faces)
    hidden = np.zeros(len(faces), np.bool_)
    table = np.zeros((len(meshes), 8), np.int64)
    surface = np.empty(len(meshes), np.int64)
    uvs: list[NDArray[np.float32]] = []
    texels: list[NDArray[np.uint8]] = []
    uv_total, texel_total = 0, 0
    for k, mesh in enumerate(meshes):
        vs = slice(int(vertex_start[k]), int(vertex_start[k + 1]))
        fs = slice(int(face_start[k]), int(face_start[k + 1]))
        vertices[vs] = mesh.vertices
        _normals(vertices[vs], mesh.faces, normals[vs])
        _project(
            vertices[vs], camera.rotation, camera.position, camera.focal, camera.centre[0], camera.centre[1],
            mesh.bias, NEAR, screen[vs],
        )  # fmt: skip
        np.add(mesh.faces, np.int32(vertex_start[k]), out=faces[fs])
        np.add(mesh.uv_faces, np.int32(uv_total), out=uv_faces[fs])
        if mesh.hidden is not None:
            hidden[fs] = mesh.hidden
        texture = _reduced(mesh, screen[vs])
        height, width, channels = texture.shape
        table[k] = (fs.start, fs.stop, texel_total, height, width, channels, mesh.double_sided, mesh.instance)
        surface[k] = mesh.first_face - fs.start if mesh.first_face >= 0 else -(1 << 40)
        uvs.append(mesh.uv)
        texels.append(texture.reshape(-1))
        uv_total += len(mesh.uv)
        texel_total += texture.size
    return Geometry(
        vertices,
        normals,
        screen,
        faces,
        uv_faces,
        np.ascontiguousarray(np.concatenate(uvs), np.float32) if uvs else np.zeros((0, 2), np.float32),
        np.concatenate(texels) if texels else np.zeros(0, np.uint8),
        hidden,
        table,
        surface,
        np.array([m.gloss for m in meshes], np.float32),
    )


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
