"""Plain solids with textures: boxes, balls, sticks, rings and cut-out cards, and how they are put somewhere."""

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.geometry import Mesh

__all__ = ["Texture", "along", "ball", "box", "cutout", "placed", "ring", "stick", "turned", "up"]

Texture = NDArray[np.uint8]

_QUAD_UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


def _mesh(vertices: NDArray[np.float64], faces: NDArray[np.int32], uv: NDArray[np.float32], texture: Texture) -> Mesh:
    return Mesh(
        np.ascontiguousarray(vertices, np.float32),
        faces,
        faces,
        np.ascontiguousarray(uv, np.float32),
        texture,
        gloss=0.15,
    )


def box(size: tuple[float, float, float], texture: Texture) -> Mesh:
    """Box of the given width, height, depth (m), its middle at the origin; every side shows the whole texture."""
    half = np.asarray(size) / 2
    vertices: list[NDArray[np.float64]] = []
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            first, second = (axis + 1) % 3, (axis + 2) % 3
            base = len(vertices)
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = np.zeros(3)
                corner[axis], corner[first], corner[second] = sign, a, b
                vertices.append(corner * half)
            faces += [(base, base + 1, base + 2), (base, base + 2, base + 3)]
    return _mesh(np.array(vertices), np.array(faces, np.int32), np.tile(_QUAD_UV, (6, 1)), texture)


def ball(radius: float, texture: Texture, squash: float = 1.0, rings: int = 12, sides: int = 18) -> Mesh:
    """Sphere (or, with squash, an egg) about the origin."""
    polar = np.linspace(0, np.pi, rings + 1)[:, None]
    round_ = np.linspace(0, 2 * np.pi, sides + 1)[None, :]
    grid = np.stack(
        [np.sin(polar) * np.cos(round_), squash * np.cos(polar) + 0 * round_, np.sin(polar) * np.sin(round_)], axis=-1
    )
    uv = np.stack(np.broadcast_arrays(round_ / (2 * np.pi), polar / np.pi), axis=-1)
    return _mesh(radius * grid.reshape(-1, 3), _grid_faces(rings, sides), uv.reshape(-1, 2), texture)


def stick(length: float, radius: float, texture: Texture, taper: float = 1.0, sides: int = 8) -> Mesh:
    """Round stick along y about the origin; taper is the ratio of its end radii (a bat, a bottle)."""
    along = np.array([0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0])[:, None]
    round_ = np.linspace(0, 2 * np.pi, sides + 1)[None, :]
    width = radius * (1 + (taper - 1) * along) * np.array([0.02, 1, 1, 1, 1, 1, 0.02])[:, None]
    grid = np.stack([width * np.cos(round_), (along - 0.5) * length + 0 * round_, width * np.sin(round_)], axis=-1)
    uv = np.stack(np.broadcast_arrays(round_ / (2 * np.pi), along), axis=-1)
    return _mesh(grid.reshape(-1, 3), _grid_faces(6, sides), uv.reshape(-1, 2), texture)


def ring(radius: float, width: float, texture: Texture, rounds: int = 20, sides: int = 6) -> Mesh:
    """Ring (a wheel's tyre) about the z axis at the origin."""
    round_ = np.linspace(0, 2 * np.pi, rounds + 1)[:, None]
    across = np.linspace(0, 2 * np.pi, sides + 1)[None, :]
    reach = radius + width * np.cos(across)
    grid = np.stack([reach * np.cos(round_), reach * np.sin(round_), width * np.sin(across) + 0 * round_], axis=-1)
    uv = np.stack(np.broadcast_arrays(round_ / (2 * np.pi), across / (2 * np.pi)), axis=-1)
    return _mesh(grid.reshape(-1, 3), _grid_faces(rounds, sides), uv.reshape(-1, 2), texture)


def cutout(width: float, height: float, texture: Texture, rng: np.random.Generator) -> Mesh:
    """Upright card (width x height m, facing z) of which a random blob, leaf or fringe shape is there."""
    side = texture.shape[0]
    noise = cv2.resize(rng.random((5, 5)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((17, 17)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    across = np.linspace(-1, 1, side)
    distance = np.maximum(np.abs(across)[:, None], np.abs(across)[None, :]) ** 4
    shape = noise + rng.uniform(0, 0.6) * fine - distance - rng.uniform(0.2, 0.75)
    alpha = np.where(shape > 0, 255, 0).astype(np.uint8)
    half = np.array([width, height, 0.0]) / 2
    corners = np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]]) * half
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    return _mesh(corners, faces, _QUAD_UV, np.dstack([texture[..., :3], alpha]))


def _grid_faces(rows: int, columns: int) -> NDArray[np.int32]:
    a = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)[None, :]).reshape(-1)
    below = a + columns + 1
    return np.concatenate([np.stack([a, a + 1, below], 1), np.stack([a + 1, below + 1, below], 1)]).astype(np.int32)


def placed(mesh: Mesh, rotation: NDArray[np.float64], position: NDArray[np.float64]) -> Mesh:
    """The mesh rotated (3, 3), then moved (3,)."""
    vertices = (mesh.vertices @ np.asarray(rotation).T + position).astype(np.float32)
    return Mesh(vertices, mesh.faces, mesh.uv_faces, mesh.uv, mesh.texture, mesh.double_sided, gloss=mesh.gloss)


def turned(angle: float) -> NDArray[np.float64]:
    """Rotation by `angle` radians about the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def along(direction: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A rotation that takes y to the direction, turned at random about it."""
    y = direction / max(float(np.linalg.norm(direction)), 1e-9)
    x = np.cross(y, rng.normal(size=3))
    x /= max(float(np.linalg.norm(x)), 1e-9)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def up(height: float) -> NDArray[np.float64]:
    """(0, height, 0)."""
    return np.array([0.0, height, 0.0])
