"""Trivial predictors that a model has to beat: each takes the model's result and keeps only a part of what it knows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from densepose_mobile.parts import mirror_iuv
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["BASELINES", "constant_uv", "mirrored", "upright_box"]

_UPRIGHT: Final[tuple[tuple[float, float, float, float, int], ...]] = (
    (0.0, 0.14, 0.38, 0.5, 23),
    (0.0, 0.14, 0.5, 0.62, 24),
    (0.14, 0.5, 0.3, 0.7, 2),
    (0.14, 0.32, 0.1, 0.3, 16),
    (0.14, 0.32, 0.7, 0.9, 15),
    (0.32, 0.47, 0.05, 0.25, 22),
    (0.32, 0.47, 0.75, 0.95, 21),
    (0.47, 0.55, 0.0, 0.2, 3),
    (0.47, 0.55, 0.8, 1.0, 4),
    (0.5, 0.72, 0.3, 0.5, 9),
    (0.5, 0.72, 0.5, 0.7, 10),
    (0.72, 0.94, 0.32, 0.5, 13),
    (0.72, 0.94, 0.5, 0.68, 14),
    (0.94, 1.0, 0.25, 0.5, 6),
    (0.94, 1.0, 0.5, 0.75, 5),
)  # y0, y1, x0, x1 of the box, part: somebody who stands and faces the camera


def constant_uv(result: DensePoseResult) -> DensePoseResult:
    """The same people, masks and parts, with U = V = 0.5 everywhere: what the parts alone are worth."""
    return _each(result, lambda person: replace(person, uv=np.float32(0.5) * (np.ones_like(person.uv) * person.mask)))


def mirrored(result: DensePoseResult) -> DensePoseResult:
    """Left and right exchanged: what a prediction without any sense of side loses."""

    def swap(person: Person) -> Person:
        part, uv = mirror_iuv(person.part, person.uv)
        return replace(person, part=part, uv=uv * (part > 0))

    return _each(result, swap)


def upright_box(result: DensePoseResult) -> DensePoseResult:
    """Each box filled with a figure that stands and faces the camera, U = V = 0.5: what the boxes alone are worth."""

    def fill(person: Person) -> Person:
        height, width = person.part.shape
        part = np.zeros_like(person.part)
        for top, bottom, left, right, label in _UPRIGHT:
            rows = slice(round(top * height), round(bottom * height))
            part[rows, round(left * width) : round(right * width)] = label
        return replace(person, part=part, uv=np.full_like(person.uv, 0.5) * (part > 0))

    return _each(result, fill)


BASELINES: Final[dict[str, Callable[[DensePoseResult], DensePoseResult]]] = {
    "constant-uv": constant_uv,
    "mirrored": mirrored,
    "upright-box": upright_box,
}
"""By the name that `densepose-mobile evaluate --baseline` takes."""


def _each(result: DensePoseResult, change: Callable[[Person], Person]) -> DensePoseResult:
    return replace(result, people=tuple(change(person) for person in result.people))
