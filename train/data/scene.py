"""Who stands where, what stands between, and from where it is photographed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.camera import Camera
from densepose_mobile.train.data.framing import FRAMINGS, aim, photograph
from densepose_mobile.train.data.geometry import Mesh
from densepose_mobile.train.data.occluders import held_thing, seat, standing_thing, table, underfoot, worn_bag
from densepose_mobile.train.data.persons import PosedPerson
from densepose_mobile.train.data.shapes import cutout, placed

__all__ = ["Scene", "compose", "facing", "move", "person_meshes", "sample_count"]

_COUNTS: Final = (0.06, 0.33, 0.26, 0.17, 0.09, 0.03, 0.025, 0.02, 0.015)  # none, one, ... eight people
_ROWS: Final = 5  # so many people or more stand in rows half of the time
_VOXEL: Final = 0.10  # m, of the collision test
_LEFT: Final = np.array([5, 11])
_RIGHT: Final = np.array([6, 12])


@dataclass(frozen=True)
class Scene:
    """Meshes to draw, the people among them (moved to their places), and the camera."""

    meshes: tuple[Mesh, ...]
    people: tuple[PosedPerson, ...]
    camera: Camera
    framing: str

    @property
    def deepest(self) -> float:
        """Metres along the view to the farthest person."""
        depths = [float(self.camera.to_camera(person.keypoints)[:, 2].max()) for person in self.people]
        return max(depths, default=0.0)


def sample_count(rng: np.random.Generator, groups: bool = True) -> int:
    """How many people a picture shows, 0..8; without groups 0..4."""
    shares = np.array(_COUNTS if groups else _COUNTS[:_ROWS])
    return int(rng.choice(len(shares), p=shares / shares.sum()))


def facing(person: PosedPerson) -> float:
    """Radians about the vertical from +z to where shoulders and hips face."""
    across = (person.keypoints[_LEFT] - person.keypoints[_RIGHT]).sum(axis=0)
    return float(np.arctan2(-across[2], across[0]))


def move(person: PosedPerson, turn: float, offset: NDArray[np.float64]) -> PosedPerson:
    """The person turned about the vertical through its root, then moved."""
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
    shift = np.asarray(offset, np.float32)
    layers = tuple(replace(layer, vertices=layer.vertices @ rotation.T + shift) for layer in person.layers)
    return replace(person, layers=layers, keypoints=person.keypoints @ rotation.T + shift)


def _faced(person: PosedPerson, rng: np.random.Generator, in_row: bool) -> PosedPerson:
    """Turned towards the camera (which lies at +z) more often than away: so people are photographed, rows above all."""
    wanted = rng.normal(0, 0.75) if rng.random() < (0.95 if in_row else 0.6) else rng.uniform(-np.pi, np.pi)
    return move(person, float(wanted) - facing(person), np.zeros(3))


def _points(person: PosedPerson) -> NDArray[np.float32]:
    """A few hundred vertices of the body, (n, 3)."""
    return np.concatenate([layer.vertices[:: max(1, len(layer.vertices) // 900)] for layer in person.layers[:2]])


def _voxels(points: NDArray[np.float32]) -> NDArray[np.int64]:
    cells = np.floor(points / _VOXEL).astype(np.int64) + 4096
    return np.unique((cells[:, 0] << 26) | (cells[:, 1] << 13) | cells[:, 2])


def _collides(points: NDArray[np.float32], taken: NDArray[np.int64], share: float) -> bool:
    own = _voxels(points)
    return bool(np.isin(own, taken, assume_unique=True).sum() > share * len(own))


def _place(rng: np.random.Generator, anchor: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Where the next person stands on the ground: beside, before or behind the anchor, or far off.

    span: metres that the picture spans at the anchor; most people should come to lie in it.
    """
    kind = rng.random()
    if kind < 0.45:
        close = span < 1.1 and rng.random() < 0.7
        x = rng.choice([-1, 1]) * (rng.uniform(0.15, 0.55) if close else rng.uniform(0.3, 0.95))
        z = -rng.uniform(0.15, 1.5) if close else rng.normal(0, 0.25)
    elif kind < 0.70:
        x, z = rng.normal(0, 0.3), rng.choice([-1, -1, 1]) * rng.uniform(0.3, 1.2)
    elif kind < 0.86:
        x, z = rng.normal(0, 0.25 + 0.3 * span), rng.uniform(-4.0, 0.6)
    else:
        z = -rng.uniform(3, 14)
        x = rng.uniform(-0.5, 0.5) * (span - 0.6 * z)
    return np.array([anchor[0] + x, 0.0, anchor[2] + z])


def _stand_beside(
    people: list[PosedPerson],
    taken: list[NDArray[np.int64]],
    person: PosedPerson,
    span: float,
    rng: np.random.Generator,
) -> None:
    """Add the person next to those there, pushed away until bodies at most touch; left out when there is no room."""
    anchor = people[int(rng.integers(len(people)))].keypoints[[11, 12]].mean(axis=0).astype(np.float64)
    spot = _place(rng, anchor, span)
    if spot[2] > 0.75 * span - 0.3:  # too near to the camera: stand behind instead
        spot[2] = -abs(spot[2]) - 0.3
    _settle(people, taken, person, spot, spot - anchor, rng)


def _stand_in_rows(
    people: list[PosedPerson], taken: list[NDArray[np.int64]], others: Sequence[PosedPerson], rng: np.random.Generator
) -> None:
    """Add people left and right of the first one, shoulder to shoulder, and behind them in the gaps."""
    step, behind = rng.uniform(0.4, 0.7), rng.uniform(0.45, 0.9)
    front = round(rng.uniform(0.4, 1.0) * (len(others) + 1))
    for n, person in enumerate(others, 1):
        row, place = (0, n) if n < front else (1, n - front)
        along = (place + 1) // 2 * (-1) ** place + 0.5 * row
        spot = np.array([along * step, 0.0, -row * behind]) + rng.normal(0, 0.07, 3) * [1, 0, 1]
        _settle(people, taken, person, spot, np.array([np.sign(along), 0.0, -0.5]), rng)


def _settle(
    people: list[PosedPerson],
    taken: list[NDArray[np.int64]],
    person: PosedPerson,
    spot: NDArray[np.float64],
    away: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Add the person at a spot (3,) m, pushed `away` until bodies at most touch; left out when there is no room."""
    points, occupied = _points(person), np.unique(np.concatenate(taken))
    away = away * [1, 0, 1]
    away /= max(float(np.linalg.norm(away)), 1e-6)
    allowed = 0.03 if rng.random() < 0.8 else 0.08
    for _ in range(16):
        if not _collides(points + spot.astype(np.float32), occupied, allowed):
            moved = move(person, 0.0, spot)
            people.append(moved)
            taken.append(_voxels(_points(moved)))
            return
        spot = spot + 0.12 * away


def _things(
    people: Sequence[PosedPerson],
    taken: NDArray[np.int64],
    camera: Camera,
    rng: np.random.Generator,
    picture: Callable[[int], NDArray[np.uint8]],
) -> list[Mesh]:
    """Seats, things in hands, and furniture before, beside and behind the people."""
    things: list[Mesh] = []
    eye = camera.position.astype(np.float64)
    for person in people:
        if rng.random() < 0.85:
            things += seat(person, rng, picture)
        if rng.random() < 0.3:
            things += _free(table(person, rng, picture), taken)
        if rng.random() < 0.06:
            things += underfoot(person, rng, picture)
        if rng.random() < 0.09:
            things += worn_bag(person, rng, picture)
        for elbow, wrist in ((7, 9), (8, 10)):
            if rng.random() < 0.17:
                k = person.keypoints.astype(np.float64)
                things += held_thing(rng, k[elbow], k[wrist], picture)
    standing: list[NDArray[np.float64]] = []
    if people and rng.random() < 0.3:  # between the camera and somebody
        target = people[int(rng.integers(len(people)))].keypoints.mean(axis=0).astype(np.float64)
        standing.append(eye + rng.uniform(0.5, 0.93) * (target - eye) + rng.normal(0, 0.25, 3))
    middle = eye + camera.forward.astype(np.float64) * 3.0
    if people:
        middle = people[0].keypoints.mean(axis=0).astype(np.float64)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.55, 0.25, 0.12, 0.08]))):
        standing.append(middle + np.array([rng.normal(0, 1.2), 0, rng.normal(-0.6, 1.2)]))
    for spot in standing:
        things += _free(standing_thing(rng, spot, float(rng.uniform(0.35, 1.4)), picture), taken)
    if rng.random() < 0.07:  # something near the lens, at the border of the picture
        depth = rng.uniform(0.3, 0.7) * max(0.9, float(np.linalg.norm(middle - eye)))
        half = 0.5 * camera.size / camera.focal * depth
        angle = rng.uniform(0, 2 * np.pi)
        local = np.array([np.cos(angle) * half, np.sin(angle) * half, depth])
        card = cutout(half * rng.uniform(0.5, 1.4), half * rng.uniform(0.5, 1.4), picture(64), rng)
        axes = camera.rotation.astype(np.float64) * np.array([[1], [-1], [-1]])
        things.append(placed(card, axes.T, eye + camera.rotation.T.astype(np.float64) @ local))
    return [thing for thing in things if _clear(thing, camera)]


def _free(parts: list[Mesh], taken: NDArray[np.int64]) -> list[Mesh]:
    """The parts of a thing, or nothing where people are in its way."""
    if not parts or _collides(np.concatenate([_filled(part) for part in parts]), taken, 0.03):
        return []
    return parts


def _filled(mesh: Mesh) -> NDArray[np.float32]:
    """Points on the faces of a thing, close enough for the collision test."""
    corners = mesh.vertices[mesh.faces]
    steps = [(a / 5, b / 5, 1 - (a + b) / 5) for a in range(6) for b in range(6 - a)]
    return np.concatenate([corners[:, 0] * a + corners[:, 1] * b + corners[:, 2] * c for a, b, c in steps])


def _clear(mesh: Mesh, camera: Camera) -> bool:
    """Whether no corner of a thing lies so near that it would be cut by the near plane, or spans the whole view."""
    depth = camera.to_camera(mesh.vertices)[:, 2]
    return bool((depth > 0.3).all() or (depth < 0).all())


def person_meshes(person: PosedPerson, instance: int, face_offset: Callable[[str], int]) -> list[Mesh]:
    """What is drawn of a person. instance: 1, 2, ...; face_offset: surface name -> number of its first face."""
    return [
        Mesh(
            layer.vertices,
            layer.faces,
            layer.uv_faces,
            layer.uv,
            layer.texture,
            layer.double_sided,
            layer.hidden_faces,
            instance,
            face_offset(layer.surface),
            bias=0.0015 * min(k, 3),
            gloss=0.12,
            relief=layer.relief,
        )
        for k, layer in enumerate(person.layers)
    ]


def compose(
    sampled: Sequence[PosedPerson],
    size: int,
    rng: np.random.Generator,
    face_offset: Callable[[str], int],
    picture: Callable[[int], NDArray[np.uint8]],
    with_things: bool = True,
) -> Scene:
    """Place the people, the things around them and the camera.

    face_offset: surface name -> number of its first face. picture: side -> (side, side, 3) uint8 piece of a photograph.
    """
    framing = str(rng.choice(list(FRAMINGS), p=list(FRAMINGS.values())))
    if not sampled:
        focus, span = np.array([0.0, rng.uniform(0.2, 1.6), 0.0]), float(np.exp(rng.uniform(np.log(0.6), np.log(8))))
        camera = photograph(focus, span, np.zeros((1, 3), np.float32) - 9, size, rng)
        things = _things((), np.zeros(0, np.int64), camera, rng, picture) if with_things else []
        return Scene(tuple(things), (), camera, "empty")
    in_rows = len(sampled) >= _ROWS and rng.random() < 0.5
    turned = [_faced(person, rng, in_rows) for person in sampled]
    people = [turned[0]]
    taken = [_voxels(_points(turned[0]))]
    focus, span = aim(people[0], _points(people[0]), framing, rng)
    if in_rows:
        _stand_in_rows(people, taken, turned[1:], rng)
    else:
        for person in turned[1:]:
            _stand_beside(people, taken, person, span, rng)
    if len(people) > 1 and not in_rows and rng.random() < 0.1:  # passers-by
        for _ in range(int(rng.integers(2, 6))):
            again = people[int(rng.integers(1, len(people)))]
            root = again.keypoints[[11, 12]].mean(axis=0) * [1, 0, 1]
            away = np.array([rng.normal(0, 2.5), 0, -rng.uniform(2.5, 12)])
            turned_again = move(move(again, 0.0, -root), float(rng.uniform(0, 2 * np.pi)), away)
            if not _collides(_points(turned_again), np.unique(np.concatenate(taken)), 0.02):
                people.append(turned_again)
                taken.append(_voxels(_points(turned_again)))
    if len(people) > 1 and framing in ("whole", "half", "knees", "far") and rng.random() < (0.9 if in_rows else 0.5):
        # A picture of the group: all near ones should fit.
        middles = np.array([p.keypoints.mean(axis=0) for p in people], np.float64)
        close = middles[np.linalg.norm(middles - middles[0], axis=1) < 2.5]
        width = float(np.ptp(close[:, 0]))
        focus[0] += (close[:, 0].mean() - focus[0]) * rng.uniform(0.6, 1.0)
        span = max(span, (width + 0.6) / rng.uniform(0.7, 1.1))
    group = np.concatenate([_points(person) for person in people])
    camera = photograph(focus, span, group, size, rng)
    things = _things(people, np.unique(np.concatenate(taken)), camera, rng, picture) if with_things else []
    meshes = [mesh for index, person in enumerate(people) for mesh in person_meshes(person, index + 1, face_offset)]
    return Scene(tuple(meshes + things), tuple(people), camera, framing)
