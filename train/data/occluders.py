"""Things that stand before, beside or in the hands of people; in the truth they are all background."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.geometry import Mesh
from densepose_mobile.train.data.persons import PosedPerson
from densepose_mobile.train.data.shapes import Texture, along, ball, box, cutout, placed, ring, stick, turned, up

__all__ = ["bicycle", "held_thing", "seat", "standing_thing", "table", "underfoot", "worn_bag"]


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


def bicycle(texture: Texture, metal: Texture) -> list[Mesh]:
    """Two wheels, a frame, handlebar and saddle; along x, wheels on the ground."""
    parts = [placed(ring(0.33, 0.018, texture), np.eye(3), np.array([x, 0.345, 0.0])) for x in (-0.52, 0.52)]
    joints = {"rear": (-0.52, 0.345), "front": (0.52, 0.345), "pedal": (-0.05, 0.3), "seat": (-0.2, 0.82),
              "head": (0.38, 0.82), "saddle": (-0.23, 0.97), "bar": (0.36, 1.02)}  # fmt: skip
    for first, second in (("rear", "pedal"), ("rear", "seat"), ("pedal", "saddle"), ("pedal", "head"), ("seat", "head"),
                          ("head", "front"), ("head", "bar")):  # fmt: skip
        a, b = (np.array([*joints[name], 0.0]) for name in (first, second))
        tube = stick(float(np.linalg.norm(b - a)), 0.018, metal, sides=6)
        parts.append(placed(tube, along(b - a, np.random.default_rng(0)), (a + b) / 2))
    bar = stick(0.6, 0.014, texture, sides=6)
    parts.append(placed(bar, along(np.array([0, 0, 1.0]), np.random.default_rng(0)), np.array([0.36, 1.02, 0])))
    parts.append(placed(box((0.26, 0.06, 0.14), texture), np.eye(3), np.array([-0.25, 0.98, 0])))
    return parts


def standing_thing(
    rng: np.random.Generator, position: NDArray[np.float64], reach: float, picture: Callable[[int], Texture]
) -> list[Mesh]:
    """Something on the ground at `position` (3,), at most about `reach` metres high: furniture, post, plant, ball."""
    turn, kind = turned(float(rng.uniform(0, 2 * np.pi))), rng.random()
    skin = _skin(rng, picture)
    foot = np.array([position[0], 0.0, position[2]])
    if kind < 0.08:
        return [placed(part, turn, foot) for part in bicycle(skin, _skin(rng, picture))]
    if kind < 0.27:  # box, cupboard, car-like block
        height = float(rng.uniform(0.25, max(0.35, reach)))
        part = box((float(rng.uniform(0.3, 1.4)), height, float(rng.uniform(0.2, 0.8))), skin)
        return [placed(part, turn, foot + up(height / 2))]
    if kind < 0.5:  # table: a slab on legs
        height, width, depth = rng.uniform(0.4, 1.05), rng.uniform(0.6, 1.8), rng.uniform(0.4, 0.9)
        parts = [placed(box((width, 0.04, depth), skin), turn, foot + up(height))]
        for sx in (-1, 1):
            for sz in (-1, 1):
                leg = box((0.05, height, 0.05), skin)
                offset = turn @ np.array([sx * (width / 2 - 0.05), 0, sz * (depth / 2 - 0.05)])
                parts.append(placed(leg, turn, foot + offset + up(height / 2)))
        if rng.random() < 0.5:
            thing = box(tuple(rng.uniform(0.08, 0.35, 3)), _skin(rng, picture))
            parts.append(placed(thing, turned(float(rng.uniform(0, 6))), foot + up(height + 0.15)))
        return parts
    if kind < 0.62:  # chair-like: seat and back
        width, seat, back = rng.uniform(0.4, 0.6), rng.uniform(0.38, 0.5), rng.uniform(0.35, 0.65)
        return [
            placed(box((width, 0.06, width), skin), turn, foot + up(seat)),
            placed(box((width, back, 0.04), skin), turn, foot + turn @ [0, 0, -width / 2] + up(seat + back / 2)),
            placed(box((0.06, seat, 0.06), skin), turn, foot + up(seat / 2)),
        ]
    if kind < 0.72:  # post, railing
        height = float(rng.uniform(0.8, 2.6))
        return [placed(stick(height, float(rng.uniform(0.02, 0.1)), skin), turn, foot + up(height / 2))]
    if kind < 0.82:
        radius = float(rng.uniform(0.08, 0.4))
        return [placed(ball(radius, skin), turn, foot + up(radius))]
    if kind < 0.88:  # suitcase, rucksack on the ground
        w, h, d = rng.uniform(0.25, 0.5), rng.uniform(0.35, 0.75), rng.uniform(0.15, 0.3)
        return [placed(box((w, h, d), skin), turn, foot + up(h / 2))]
    height = float(rng.uniform(0.4, max(0.6, reach)))
    leaf = cutout(float(rng.uniform(0.4, 1.6)), height, picture(64), rng)
    return [placed(leaf, turned(float(rng.normal(0, 0.4))), foot + up(height / 2 - 0.03))]


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
        parts = [placed(rod, along(way, rng), palm + way * span * rng.uniform(0.0, 0.45))]
        if rng.random() < 0.35:  # racket, sign, umbrella top
            head = ball(float(rng.uniform(0.1, 0.3)), _skin(rng, picture), squash=float(rng.uniform(0.05, 0.4)))
            parts.append(placed(head, along(rng.normal(size=3), rng), palm + way * span * 0.8))
        return parts
    if kind < 0.40:  # phone, book, tablet
        w, h = rng.uniform(0.06, 0.26), rng.uniform(0.1, 0.3)
        return [placed(box((w, h, rng.uniform(0.008, 0.04)), skin), along(rng.normal(size=3), rng), palm)]
    if kind < 0.55:  # cup, bottle, can
        rod = stick(float(rng.uniform(0.09, 0.28)), float(rng.uniform(0.025, 0.045)), skin, float(rng.uniform(0.5, 1)))
        return [placed(rod, along(np.array([0, 1, 0]) + rng.normal(0, 0.25, 3), rng), palm)]
    if kind < 0.70:
        radius = float(rng.uniform(0.03, 0.14))
        return [placed(ball(radius, skin), along(rng.normal(size=3), rng), palm + forearm / length * radius)]
    if kind < 0.82:  # surfboard, skateboard, tray, sign
        size = (float(rng.uniform(0.18, 0.5)), float(rng.uniform(0.4, 1.7)), 0.03)
        return [placed(box(size, skin), along(rng.normal(size=3), rng), palm + rng.normal(0, 0.08, 3))]
    w, h, d = rng.uniform(0.15, 0.45), rng.uniform(0.2, 0.45), rng.uniform(0.06, 0.2)
    strap = placed(stick(0.25, 0.012, skin), np.eye(3), palm - np.array([0, 0.12, 0]))
    return [
        strap,
        placed(box((w, h, d), skin), turned(float(rng.uniform(0, 6))), palm - np.array([0, 0.22 + h / 2, 0])),
    ]


def seat(person: PosedPerson, rng: np.random.Generator, picture: Callable[[int], Texture]) -> list[Mesh]:
    """Something to sit on, when the person sits in the air."""
    k, height = person.keypoints, person.height_m
    hips, knees = k[[11, 12]].mean(axis=0), k[[13, 14]].mean(axis=0)
    if not (0.17 * height < hips[1] < 0.45 * height and hips[1] - knees[1] < 0.12 * height):
        return []
    points = np.concatenate([layer.vertices[::7] for layer in person.layers])
    below = points[np.hypot(points[:, 0] - hips[0], points[:, 2] - hips[2]) < 0.16]
    top = float(below[:, 1].min()) + 0.015 if len(below) else 0.0
    if top < 0.15:
        return []
    back = (hips - knees) * [1, 0, 1]
    back /= max(float(np.linalg.norm(back)), 1e-6)
    rotation = turned(float(np.arctan2(back[0], back[2])))
    foot = np.array([hips[0], 0.0, hips[2]]) + 0.06 * back
    skin = _skin(rng, picture)
    if rng.random() < 0.08:
        return [placed(ball(top / 2, skin), rotation, foot + up(top / 2))]
    width = float(rng.choice([0.42, 0.5, 0.8, 1.6]))
    parts = []
    if rng.random() < 0.5:
        parts.append(placed(box((width, top, 0.42), skin), rotation, foot + up(top / 2)))
    else:
        parts.append(placed(box((width, 0.05, 0.42), skin), rotation, foot + up(top - 0.025)))
        for sx in (-0.46, 0.46):
            for sz in (-0.17, 0.17):
                offset = rotation @ np.array([sx * width, 0, sz])
                parts.append(placed(box((0.04, top, 0.04), skin), rotation, foot + offset + up(top / 2)))
    if rng.random() < 0.5:
        rest = box((width, float(rng.uniform(0.3, 0.55)), 0.05), skin)
        parts.append(placed(rest, rotation, foot + 0.26 * back + up(top + 0.2)))
    return parts


def table(person: PosedPerson, rng: np.random.Generator, picture: Callable[[int], Texture]) -> list[Mesh]:
    """A table or counter before somebody who sits or stands upright, with things on it; under hands that are there."""
    k, scale = person.keypoints.astype(np.float64), person.height_m / 1.7
    hips, knees, shoulders = k[[11, 12]].mean(axis=0), k[[13, 14]].mean(axis=0), k[[5, 6]].mean(axis=0)
    ahead = np.cross(k[5] - k[6], up(1.0)) * [1, 0, 1]  # from left to right shoulder x up: where the chest looks
    length = float(np.linalg.norm(ahead))
    if length < 0.1 or shoulders[1] - hips[1] < 0.3 * scale:  # lies, or bends deeply
        return []
    ahead /= length
    legs = [float(joint[1]) for joint in k[11:15] if (joint - hips) @ ahead > -0.05]
    lowest = max(legs) + 0.09 * scale
    seated = knees[1] > 0.6 * hips[1]
    top = lowest + float(rng.uniform(0.01, 0.12)) if seated else float(rng.uniform(1.0, 1.3)) * hips[1]
    near = float((hips - [0, hips[1], 0]) @ ahead) + float(rng.uniform(0.16, 0.4)) * scale
    for joint in k[[7, 8, 9, 10]]:
        if float(joint @ ahead) > near - 0.05:  # arms rest on it
            top = min(top, float(joint[1]) - 0.05 * scale)
    if top < lowest or top > shoulders[1] - 0.1:
        return []
    turn = turned(float(np.arctan2(ahead[0], ahead[2])))
    across = turn @ np.array([1.0, 0, 0])
    width, depth = float(rng.uniform(0.9, 2.6)), float(rng.uniform(0.45, 1.1))
    middle = hips + ahead * (near + depth / 2 - hips @ ahead) + across * float(rng.normal(0, 0.2))
    foot = middle * [1, 0, 1]
    skin = _skin(rng, picture)
    parts = [placed(box((width, 0.04, depth), skin), turn, foot + up(top - 0.02))]
    if rng.random() < 0.5:  # a cloth, a counter's front
        front = box((width, top - 0.04, 0.03), skin if rng.random() < 0.5 else _skin(rng, picture))
        parts.append(placed(front, turn, foot + ahead * (depth / 2 - 0.03) + up(top / 2 - 0.02)))
    else:
        for sx in (-0.46, 0.46):
            for sz in (-0.44, 0.44):
                leg = box((0.05, top - 0.04, 0.05), skin)
                parts.append(placed(leg, turn, foot + sx * width * across + sz * depth * ahead + up(top / 2 - 0.02)))
    for _ in range(int(rng.integers(0, 5))):
        spot = foot + across * float(rng.uniform(-0.45, 0.45)) * width + ahead * float(rng.uniform(-0.1, 0.4)) * depth
        parts += _on_table(rng, spot + up(top), turn, picture)
    return parts


def _on_table(
    rng: np.random.Generator, spot: NDArray[np.float64], turn: NDArray[np.float64], picture: Callable[[int], Texture]
) -> list[Mesh]:
    """A computer, a cup or bottle, a plate, or a box, standing at `spot` (3,)."""
    kind, skin = rng.random(), _skin(rng, picture)
    if kind < 0.3:  # its back to whoever stands beyond the table
        lean = np.radians(rng.uniform(5, 35))
        tilt = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
        screen = placed(box((0.33, 0.22, 0.012), skin), turn @ tilt, spot + up(0.11))
        return [screen, placed(box((0.33, 0.015, 0.22), skin), turn, spot - turn @ [0, 0, 0.12] + up(0.01))]
    if kind < 0.65:
        height = float(rng.uniform(0.08, 0.3))
        cup = stick(height, float(rng.uniform(0.025, 0.05)), skin, float(rng.uniform(0.5, 1.2)))
        return [placed(cup, np.eye(3), spot + up(height / 2))]
    if kind < 0.8:
        return [placed(ball(float(rng.uniform(0.08, 0.16)), skin, squash=0.15), np.eye(3), spot + up(0.02))]
    size = rng.uniform((0.08, 0.04, 0.08), (0.35, 0.3, 0.3))
    return [placed(box(tuple(size), skin), turned(float(rng.uniform(0, 6))), spot + up(size[1] / 2))]


def underfoot(person: PosedPerson, rng: np.random.Generator, picture: Callable[[int], Texture]) -> list[Mesh]:
    """A board or a step under the ankles of somebody who stands: skateboard, surfboard, ski, rug."""
    ankles = person.keypoints[[15, 16]].astype(np.float64)
    if np.ptp(ankles[:, 1]) > 0.12 or ankles[:, 1].max() > 0.3 * person.height_m:
        return []
    across = (ankles[0] - ankles[1]) * [1, 0, 1]
    length = max(float(np.linalg.norm(across)), 1e-6)
    low = min(float(layer.vertices[:, 1].min()) for layer in person.layers)
    middle = ankles.mean(axis=0) * [1, 0, 1] + up(low - 0.012)
    size = (length + float(rng.uniform(0.25, 1.3)), 0.02, float(rng.uniform(0.18, 0.6)))
    board = box(size, _skin(rng, picture))
    return [placed(board, turned(float(np.arctan2(-across[2], across[0]))), middle)]


def worn_bag(person: PosedPerson, rng: np.random.Generator, picture: Callable[[int], Texture]) -> list[Mesh]:
    """A rucksack behind the back, or a bag at the hip."""
    k = person.keypoints.astype(np.float64)
    shoulders, hips = k[[5, 6]].mean(axis=0), k[[11, 12]].mean(axis=0)
    spine, across = shoulders - hips, k[5] - k[6]
    spine /= max(float(np.linalg.norm(spine)), 1e-6)
    across -= spine * (across @ spine)
    across /= max(float(np.linalg.norm(across)), 1e-6)
    axes = np.stack([across, spine, np.cross(across, spine)], axis=1)  # columns: left, up, to the front
    skin, scale = _skin(rng, picture), person.height_m / 1.7
    if rng.random() < 0.6:
        pack = box((scale * rng.uniform(0.25, 0.36), scale * rng.uniform(0.35, 0.55), scale * 0.18), skin)
        return [placed(pack, axes, 0.65 * shoulders + 0.35 * hips - axes[:, 2] * 0.26 * scale)]
    side = float(rng.choice([-1.0, 1.0]))
    bag = box((scale * 0.1, scale * rng.uniform(0.2, 0.35), scale * rng.uniform(0.25, 0.4)), skin)
    return [placed(bag, axes, hips + axes[:, 0] * side * 0.26 * scale)]
