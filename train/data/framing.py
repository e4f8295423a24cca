"""How people are photographed: whole, half, a face, a limb; near or far; from above or below; level or tilted."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.camera import Camera, look_at
from densepose_mobile.train.data.persons import PosedPerson

__all__ = ["FRAMINGS", "aim", "photograph"]

FRAMINGS: Final = {
    "whole": 0.34,
    "knees": 0.11,
    "half": 0.18,
    "portrait": 0.09,
    "limb": 0.06,
    "lower": 0.04,
    "far": 0.18,
}
"""Share of each kind of picture."""


def aim(
    person: PosedPerson, points: NDArray[np.float32], framing: str, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """What the photographer aims at (3,), and how many metres the picture spans there."""
    k, height = person.keypoints.astype(np.float64), person.height_m
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high).astype(np.float64) / 2
    extent = max(float(high[1] - low[1]), 0.8 * float(np.hypot(high[0] - low[0], high[2] - low[2])))
    shoulders, hips = k[[5, 6]].mean(axis=0), k[[11, 12]].mean(axis=0)
    if framing == "whole":
        return middle, extent / rng.uniform(0.5, 1.0)
    if framing == "far":
        return middle, extent / np.exp(rng.uniform(np.log(0.09), np.log(0.5)))
    if framing == "knees":
        return 0.5 * (shoulders + hips) - [0, 0.03 * height, 0], height * rng.uniform(0.7, 0.95)
    if framing == "half":
        return 0.6 * shoulders + 0.4 * hips, height * rng.uniform(0.42, 0.7)
    if framing == "portrait":
        return 0.5 * (k[0] + shoulders), height * rng.uniform(0.24, 0.42)
    if framing == "lower":
        return k[[11, 12, 13, 14]].mean(axis=0), height * rng.uniform(0.45, 0.75)
    joint = k[int(rng.choice([7, 8, 9, 10, 11, 12, 13, 14, 15, 16]))]
    return joint + rng.normal(0, 0.05, 3), height * rng.uniform(0.22, 0.5)


def _elevation(rng: np.random.Generator) -> float:
    kind = rng.random()
    degrees = (
        rng.normal(3, 6)
        if kind < 0.7
        else rng.uniform(10, 42)
        if kind < 0.86
        else rng.uniform(42, 75)
        if kind < 0.89
        else rng.uniform(-24, -3)
    )
    return float(np.deg2rad(degrees))


def _roll(rng: np.random.Generator) -> float:
    kind = rng.random()
    degrees = (
        rng.normal(0, 2)
        if kind < 0.78
        else rng.normal(0, 9)
        if kind < 0.95
        else rng.choice([-90, 90]) + rng.normal(0, 4)
        if kind < 0.975
        else rng.uniform(-60, 60)
    )
    return float(np.deg2rad(degrees))


def photograph(
    focus: NDArray[np.float64], span: float, group: NDArray[np.float32], size: int, rng: np.random.Generator
) -> Camera:
    """A camera whose picture spans `span` metres at `focus`, not nearer than 0.35 m to any of the points (n, 3)."""
    focal = size * float(np.exp(rng.uniform(np.log(0.72), np.log(2.6))))
    distance = max(span * focal / size, 0.65)
    elevation = _elevation(rng)
    high = float(np.clip((6.0 - focus[1]) / distance, -1, 1))
    low = float(np.clip((0.15 - focus[1]) / distance, -1, 1))
    sine = float(np.clip(np.sin(elevation), low, high))
    if distance > 2 and rng.random() < 0.5:  # held before a standing photographer's face or chest
        sine = float(np.clip((np.clip(rng.normal(1.5, 0.25), 0.5, 2.2) - focus[1]) / distance, -0.9, 0.9))
    direction = np.array([0.0, sine, np.sqrt(max(0.0, 1 - sine * sine))])
    for _ in range(12):
        position = focus + distance * direction
        if float(np.linalg.norm(group - position, axis=1).min()) > 0.38:
            break
        distance *= 1.15
        position = focus + distance * direction
    place = np.clip(0.5 + rng.normal(0, 0.09, 2), 0.1, 0.9)
    if rng.random() < 0.13:  # cut off by the frame
        place[int(rng.integers(2))] += rng.choice([-1, 1]) * rng.uniform(0.25, 0.5)
    return look_at(
        position.astype(np.float32),
        focus.astype(np.float32),
        distance * size / span if span * focal / size > 0.65 else focal,
        size,
        (float(place[0]), float(place[1])),
        _roll(rng),
    )
