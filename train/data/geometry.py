"""The meshes of a picture, projected and packed into one set of arrays for the kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densepose_mobile.train.data.camera import Camera

__all__ = ["NEAR", "Geometry", "Mesh", "pack"]

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
    relief: (h, w, 2) uint8 or None, small folds and creases that the mesh does not have: of the unit normal before the
    surface, its share along u and along v, -1..1 as 0..255.
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
    relief: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Geometry:
    """All meshes of a picture in one set of arrays, as the kernels want them.

    vertices: (V, 3) world. normals: (V, 3) unit. screen: (V, 3) x, y in half pixels and 1 / depth (0 behind NEAR).
    table: (M, 11) int64, a row a mesh: first face, end face, texture start, height, width, channels, two-sided,
    instance, relief start, height (0 without one), width. surface: (M,) int64, number to add to a face to get its
    number in the surface set (things: far negative).
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


def _reduced(mesh: Mesh, screen: NDArray[np.float32], texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A texture of the mesh at one to two texels a pixel, so that a small person does not sparkle."""
    height, width = texture.shape[:2]
    if min(height, width) <= 16:
        return texture
    step = max(1, len(mesh.faces) // 1000)
    ratio = float(_texel_ratio(screen, mesh.faces, mesh.uv_faces, mesh.uv, height, width, step))
    level = int(np.clip(np.floor(np.log2(max(ratio, 1e-3)) + 0.8), 0, 5))
    if level == 0:
        return texture
    size = (max(4, width >> level), max(4, height >> level))
    return np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)


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
    table = np.zeros((len(meshes), 11), np.int64)
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
        texture = _reduced(mesh, screen[vs], mesh.texture)
        height, width, channels = texture.shape
        table[k, :8] = (fs.start, fs.stop, texel_total, height, width, channels, mesh.double_sided, mesh.instance)
        surface[k] = mesh.first_face - fs.start if mesh.first_face >= 0 else -(1 << 40)
        uvs.append(mesh.uv)
        texels.append(texture.reshape(-1))
        uv_total += len(mesh.uv)
        texel_total += texture.size
        if mesh.relief is not None:
            relief = _reduced(mesh, screen[vs], mesh.relief)
            table[k, 8:] = texel_total, *relief.shape[:2]
            texels.append(relief.reshape(-1))
            texel_total += relief.size
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
