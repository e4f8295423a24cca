"""Things: boxes, slabs, tables, balls, sticks, boards, bags and cut-outs that stand before, beside or in the hands of people.

All of them are background in the truth.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.raster import Mesh

__all__ = ["ball", "box", "cutout", "held_thing", "placed", "standing_thing", "stick"]

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
    vertices, faces = [], []
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
    along = np.linspace(0, 1, 7)[:, None]
    round_ = np.linspace(0, 2 * np.pi, sides + 1)[None, :]
    width = radius * (1 + (taper - 1) * along) * np.where((along == 0) | (along == 1), 0.05, 1.0)
    grid = np.stack([width * np.cos(round_), (along - 0.5) * length + 0 * round_, width * np.sin(round_)], axis=-1)
    uv = np.stack(np.broadcast_arrays(round_ / (2 * np.pi), along), axis=-1)
    return _mesh(grid.reshape(-1, 3), _grid_faces(6, sides), uv.reshape(-1, 2), texture)


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


def _yaw(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _along(direction: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A rotation that takes y to the direction, turned at random about it."""
    y = direction / max(float(np.linalg.norm(direction)), 1e-9)
    x = np.cross(y, rng.normal(size=3))
    x /= max(float(np.linalg.norm(x)), 1e-9)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _skin(rng: np.random.Generator, picture: Callable[[int], Texture]) -> Texture:
    """Texture of a thing: a piece of a photograph, a plain colour, or stripes and checks."""
    kind = rng.random()
    if kind < 0.5:
        return picture(64)
    # Things are seldom as colourful as colours at random are.
    colour = rng.uniform(10, 240) + (rng.uniform(-110, 110, 3) * rng.beta(1.2, 2.0))
    tile = np.broadcast_to(colour, (32, 32, 3)).astype(np.float64)
    if kind > 0.75:
        other, step = rng.uniform(10, 240) + rng.uniform(-60, 60, 3), int(rng.integers(3, 12))
        rows, columns = np.indices((32, 32)) // step
        mask = (columns % 2 == 0) if rng.random() < 0.6 else ((rows + columns) % 2 == 0)
        tile = np.where(mask[..., None], other, tile)
    return np.clip(tile + rng.normal(0, 5, (32, 32, 1)), 0, 255).astype(np.uint8)


def standing_thing(
    rng: np.random.Generator, position: NDArray[np.float64], reach: float, picture: Callable[[int], Texture]
) -> list[Mesh]:
    """Something on the ground at `position` (3,), at most about `reach` metres high: furniture, post, plant, ball."""
    turn, kind = _yaw(float(rng.uniform(0, 2 * np.pi))), rng.random()
    skin = _skin(rng, picture)
    foot = np.array([position[0], 0.0, position[2]])
    if kind < 0.25:  # box, cupboard, car-like block
        height = float(rng.uniform(0.25, max(0.35, reach)))
        part = box((float(rng.uniform(0.3, 1.4)), height, float(rng.uniform(0.2, 0.8))), skin)
        return [placed(part, turn, foot + [0, height / 2, 0])]
    if kind < 0.5:  # table: a slab on legs
        height, width, depth = rng.uniform(0.4, 1.05), rng.uniform(0.6, 1.8), rng.uniform(0.4, 0.9)
        parts = [placed(box((width, 0.04, depth), skin), turn, foot + [0, height, 0])]
        for sx in (-1, 1):
            for sz in (-1, 1):
                leg = box((0.05, height, 0.05), skin)
                offset = turn @ np.array([sx * (width / 2 - 0.05), 0, sz * (depth / 2 - 0.05)])
                parts.append(placed(leg, turn, foot + offset + [0, height / 2, 0]))
        if rng.random() < 0.5:
            thing = box(tuple(rng.uniform(0.08, 0.35, 3)), _skin(rng, picture))
            parts.append(placed(thing, _yaw(float(rng.uniform(0, 6))), foot + [0, height + 0.15, 0]))
        return parts
    if kind < 0.62:  # chair-like: seat and back
        width, seat, back = rng.uniform(0.4, 0.6), rng.uniform(0.38, 0.5), rng.uniform(0.35, 0.65)
        return [
            placed(box((width, 0.06, width), skin), turn, foot + [0, seat, 0]),
            placed(box((width, back, 0.04), skin), turn, foot + turn @ [0, 0, -width / 2] + [0, seat + back / 2, 0]),
            placed(box((0.06, seat, 0.06), skin), turn, foot + [0, seat / 2, 0]),
        ]
    if kind < 0.72:  # post, railing
        height = float(rng.uniform(0.8, 2.6))
        return [placed(stick(height, float(rng.uniform(0.02, 0.1)), skin), turn, foot + [0, height / 2, 0])]
    if kind < 0.82:
        radius = float(rng.uniform(0.08, 0.4))
        return [placed(ball(radius, skin), turn, foot + [0, radius, 0])]
    if kind < 0.88:  # suitcase, rucksack on the ground
        w, h, d = rng.uniform(0.25, 0.5), rng.uniform(0.35, 0.75), rng.uniform(0.15, 0.3)
        return [placed(box((w, h, d), skin), turn, foot + [0, h / 2, 0])]
    height = float(rng.uniform(0.4, max(0.6, reach)))
    leaf = cutout(float(rng.uniform(0.4, 1.6)), height, picture(64), rng)
    return [placed(leaf, _yaw(float(rng.normal(0, 0.4))), foot + [0, height / 2 - 0.03, 0])]


def held_thing(
    rng: np.random.Generator,
    elbow: NDArray[np.float64],
    wrist: NDArray[np.float64],
    picture: Callable[[int], Texture],
) -> list[Mesh]:
    """Something in the hand beyond the wrist: bat, racket, phone, cup, ball, board, umbrella, bag (all (3,), m)."""
    forearm = wrist - elbow
    length = max(float(np.linalg.norm(forearm)), 1e-6)
    palm = wrist + forearm / length * 0.35 * length
    skin, kind = _skin(rng, picture), rng.random()
    if kind < 0.22:  # stick, bat, racket handle
        span = float(rng.uniform(0.25, 1.3))
        sideways = np.cross(forearm, rng.normal(size=3))
        way = sideways / max(float(np.linalg.norm(sideways)), 1e-9) + rng.uniform(-0.6, 1.0) * forearm / length
        way /= np.linalg.norm(way)
        rod = stick(span, float(rng.uniform(0.01, 0.035)), skin, float(rng.uniform(0.4, 2.2)))
        parts = [placed(rod, _along(way, rng), palm + way * span * rng.uniform(0.0, 0.45))]
        if rng.random() < 0.35:  # racket, sign, umbrella top
            head = ball(float(rng.uniform(0.1, 0.3)), _skin(rng, picture), squash=float(rng.uniform(0.05, 0.4)))
            parts.append(placed(head, _along(rng.normal(size=3), rng), palm + way * span * 0.8))
        return parts
    if kind < 0.40:  # phone, book, tablet
        w, h = rng.uniform(0.06, 0.26), rng.uniform(0.1, 0.3)
        return [placed(box((w, h, rng.uniform(0.008, 0.04)), skin), _along(rng.normal(size=3), rng), palm)]
    if kind < 0.55:  # cup, bottle, can
        rod = stick(float(rng.uniform(0.09, 0.28)), float(rng.uniform(0.025, 0.045)), skin, float(rng.uniform(0.5, 1)))
        return [placed(rod, _along(np.array([0, 1, 0]) + rng.normal(0, 0.25, 3), rng), palm)]
    if kind < 0.70:
        radius = float(rng.uniform(0.03, 0.14))
        return [placed(ball(radius, skin), _along(rng.normal(size=3), rng), palm + forearm / length * radius)]
    if kind < 0.82:  # surfboard, skateboard, tray, sign
        size = (float(rng.uniform(0.18, 0.5)), float(rng.uniform(0.4, 1.7)), 0.03)
        return [placed(box(size, skin), _along(rng.normal(size=3), rng), palm + rng.normal(0, 0.08, 3))]
    w, h, d = rng.uniform(0.15, 0.45), rng.uniform(0.2, 0.45), rng.uniform(0.06, 0.2)
    strap = placed(
        stick(0.25, 0.012, skin), np.eye(3), palm - np.array([0, 0.12, 0])
    )  # bag: it hangs down from the hand
    return [strap, placed(box((w, h, d), skin), _yaw(float(rng.uniform(0, 6))), palm - np.array([0, 0.22 + h / 2, 0]))]
