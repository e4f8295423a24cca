"""Golden vectors of the steps on pixels: sampling of pictures, silhouettes, and the IUV of people who overlap."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.export.encoding import Case, tensor
from densepose_mobile.imaging import crop_input, network_input
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.postprocess.maps import DenseMaps, paint_person
from densepose_mobile.postprocess.silhouette import disjoint, silhouette
from densepose_mobile.results import DensePoseResult, Person

__all__ = ["byte_cases", "people_case", "people_cases", "sample_cases", "silhouette_cases"]

_CELLS: Final = 6  # of the maps; phones have 56, and nothing depends on it
_SPECKLED_CELLS: Final = 20  # enough that one in a hundred is a few
_DUPLICATE: Final = 0.8


def sample_cases() -> list[Case]:
    """Network input of whole pictures and of squares, shrunk, enlarged and beyond the border."""
    cases = []
    for name, shape, square, size in (
        ("whole picture, shrunk", (30, 42), None, 16),
        ("whole picture, shrunk by a whole number", (36, 24), None, 12),
        ("whole picture, enlarged", (9, 7), None, 14),
        ("whole picture as it is", (8, 8), None, 8),
        ("padded only", (5, 8), None, 8),
        ("crop, shrunk", (30, 42), [8.3, 4.2, 31.1, 27.0], 12),
        ("crop, enlarged", (16, 16), [4.25, 5.75, 9.5, 11.0], 12),
        ("crop beyond the border", (20, 24), [-9.5, -4.0, 16.5, 22.0], 12),
        ("crop beside the picture", (6, 8), [60.0, 0.0, 80.0, 20.0], 8),
        ("one pixel", (1, 1), None, 4),
    ):
        picture = _picture(*shape)
        given: dict[str, Any] = {"picture": tensor(picture), "size": size}
        if square is None:
            image, _ = network_input(picture, size)
        else:
            corners = np.array(square, np.float32)
            given["square"] = tensor(corners)
            image, _ = crop_input(picture, corners, size)
        cases.append({"name": name, "given": given, "expected": {"image": tensor(image.round(3))}})
    return cases


def _picture(height: int, width: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width] + 0.5
    waves = [np.sin(x / 5 + y / 11), np.cos(x / 9 - y / 6), np.sin(x / 13) * np.cos(y / 7)]
    return (127.5 + 120 * np.stack(waves, -1)).round().astype(np.uint8)


def silhouette_cases() -> list[Case]:
    """Pixels of a person, from foreground logits: smooth edge, no specks, clipped to the picture."""
    speckled = _blob(_SPECKLED_CELLS, 21)
    speckled[0, 0] = speckled[0, 1] = speckled[-1, -1] = 1.5  # islands in the corners
    speckled[9, 9] = speckled[12, 8] = -2.25  # holes in the body
    diagonal = np.full((_SPECKLED_CELLS, _SPECKLED_CELLS), -2.75, np.float32)
    diagonal[np.arange(3, 17), np.arange(3, 17)] = 3  # one island of eight neighbours
    ring = np.full((_SPECKLED_CELLS, _SPECKLED_CELLS), 2, np.float32)
    ring[6:13, 6:13] = -1.75  # a hole large enough to be one
    ring[0, 4] = ring[19, 19] = -0.9  # gaps at the border are no holes
    gap = np.full((_SPECKLED_CELLS, _SPECKLED_CELLS), 2, np.float32)
    gap[9, 9] = gap[10, 10] = -1.35  # two holes of four neighbours
    blob = _blob(_CELLS, 22)
    zero = np.zeros((_CELLS, _CELLS), np.float32)
    return [
        _silhouette_case("enlarged", blob, [4, 2, 24, 26], 32, 32),
        _silhouette_case("shrunk below its cells", blob, [10.5, 6.25, 15.75, 12.5], 32, 32),
        _silhouette_case("cut by the left and upper border", blob, [-10, -7.5, 12.5, 15], 24, 20),
        _silhouette_case("cut by the right and lower border", blob, [11.25, 15, 30.75, 35], 24, 20),
        _silhouette_case("off the picture", blob, [100, 100, 140, 140], 24, 20),
        _silhouette_case("between two pixel centres", blob, [10.6, 10.6, 10.9, 10.9], 24, 20),
        _silhouette_case("no foreground", -np.abs(blob) - np.float32(0.5), [4, 2, 24, 26], 32, 32),
        _silhouette_case("a logit of zero is background", zero, [4, 2, 24, 26], 32, 32),
        _silhouette_case("specks and holes", speckled, [2, 1, 27, 30], 32, 32),
        _silhouette_case("one diagonal", diagonal, [2, 1, 27, 30], 32, 32),
        _silhouette_case("a ring", ring, [2, 1, 27, 30], 32, 32),
        _silhouette_case("holes that touch at corners", gap, [2, 1, 27, 30], 32, 32),
    ]


def _silhouette_case(name: str, foreground: NDArray[np.float32], roi: list[float], height: int, width: int) -> Case:
    place = np.array(roi, np.float32)
    found = silhouette(foreground, place, height, width)
    given = {"foreground": tensor(foreground), "roi": tensor(place), "height": height, "width": width}
    if found is None:
        return {"name": name, "given": given, "expected": {"box": None}}
    expected = {"box": list(found.box), "mask": tensor(found.mask), "cells": tensor(found.cells)}
    return {"name": name, "given": given, "expected": {**expected, "logit": tensor(found.logit)}}


def people_cases() -> list[Case]:
    """From the maps of all people of a picture to each one's pixels and to the picture's IUV."""
    ann, bob = _maps(31, [3, 1, 20, 22]), _maps(32, [8.5, 4, 27.5, 23])
    block = [0.0, 0.0, 12.0, 12.0]  # two pixels a cell: all weights are quarters, ties are exact
    return [
        people_case("nobody", [], [], 12, 16),
        people_case("one person", [ann], [0.9], 24, 24),
        people_case("a tiny RoI", [_maps(33, [10.25, 7.5, 14.75, 13.25])], [0.6], 24, 24),
        people_case("cut by the border", [_maps(34, [-7.25, -4.75, 9.5, 11.25])], [0.7], 12, 10),
        people_case("off the picture, and one on it", [_maps(35, [90, 90, 120, 120]), bob], [0.8, 0.5], 24, 32),
        people_case("two who overlap", [ann, bob], [0.75, 0.7], 24, 32),
        people_case("a doubtful one in front", [ann, bob], [0.97, 0.42], 24, 32),
        people_case("scores at both ends", [ann, bob], [1.0, 0.0], 24, 32),
        people_case("one person seen twice", [ann, _maps(31, [3.5, 1.5, 20.5, 22.5])], [0.9, 0.8], 24, 24),
        people_case("equal claims: the better one", [_even(block), _even([6.0, 0, 18, 12])], [0.5, 0.5], 12, 18),
        people_case("equal logits: the lower part", [_tied(block)], [0.5], 12, 12),
    ]


def people_case(
    name: str,
    maps: Sequence[DenseMaps],
    scores: Sequence[float],
    height: int,
    width: int,
    duplicate: float = _DUPLICATE,
) -> Case:
    """A case of these people, best first. Any maps will do, those of a real picture too."""
    shapes = [silhouette(look.foreground, look.roi, height, width) for look in maps]
    found = [(index, shape) for index, shape in enumerate(shapes) if shape is not None]
    owned = disjoint([shape for _, shape in found], [scores[index] for index, _ in found], duplicate)
    people = {
        index: paint_person(maps[index], shape, scores[index])
        for (index, _), shape in zip(found, owned, strict=True)
        if shape is not None
    }
    result = DensePoseResult(tuple(people.values()), height, width)
    looks = [{"score": score, **_encoded(look)} for look, score in zip(maps, scores, strict=True)]
    given = {"height": height, "width": width, "duplicate": duplicate, "people": looks}
    expected = {"people": [_outcome(index, person) for index, person in people.items()], "iuv": tensor(result.iuv())}
    return {"name": name, "given": given, "expected": expected}


def _encoded(look: DenseMaps) -> dict[str, Any]:
    return {name: tensor(getattr(look, name)) for name in ("roi", "foreground", "parts", "u", "v", "confidence")}


def _outcome(index: int, person: Person) -> dict[str, Any]:
    box = [int(edge) for edge in person.box]
    values = {"part": tensor(person.part), "uv": tensor(person.uv), "confidence": tensor(person.confidence)}
    return {"index": index, "box": box, **values}


def byte_cases() -> list[Case]:
    """U or V as a byte: halves go to the even neighbour."""
    halves = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.02745098, 0.0019607844, 0.9980392], np.float32)
    even = np.linspace(0, 1, 101).astype(np.float32)
    cases = []
    for name, values in (("halves", halves), ("hundredths", even)):
        pixels = np.ones((1, values.size), np.uint8)
        uv = np.stack([values, values])[:, None]
        person = Person(np.array([0, 0, values.size, 1], np.float32), 1.0, pixels, uv, np.ones_like(uv[0]))
        cases.append(
            {"name": name, "given": {"u": tensor(values)}, "expected": {"bytes": tensor(person.iuv()[0, :, 1])}}
        )
    return cases


def _blob(cells: int, seed: int) -> NDArray[np.float32]:
    """Foreground logits of a rounded shape with a rough outline."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:cells, :cells] + 0.5) / cells * 2 - 1
    return (4 * (1 - (x / 0.72) ** 2 - (y / 0.88) ** 2) + rng.normal(0, 0.5, x.shape)).round(2).astype(np.float32)


def _maps(seed: int, roi: list[float]) -> DenseMaps:
    """Every part where its centre is nearest, with smooth coordinates."""
    rng = np.random.default_rng(seed)
    y, x = ((np.mgrid[:_CELLS, :_CELLS] + 0.5) / _CELLS)[..., None]
    centre = rng.uniform(0, 1, (2, NUM_PARTS))
    parts = 4 - 9 * np.hypot(y - centre[0], x - centre[1])
    phase = rng.uniform(0, 6, (4, NUM_PARTS))
    u, v = (0.5 + 0.45 * np.sin(2 * x + 3 * y + phase[0])), (0.5 + 0.45 * np.cos(3 * x - 2 * y + phase[1]))
    confidence = 1.5 * np.sin(5 * x[..., 0] + phase[2, 0]) + y[..., 0]
    # Short decimals, shifted by what no sum of them makes up for: no two parts, and no byte, are on the edge.
    parts = parts.round(1) + 0.004 * np.arange(NUM_PARTS)
    rounded = (
        array.astype(np.float32) for array in (parts, u.round(2) + 0.003, v.round(2) + 0.003, confidence.round(2))
    )
    return DenseMaps(np.array(roi, np.float32), _blob(_CELLS, seed), *rounded)


def _even(roi: list[float]) -> DenseMaps:
    """The same everywhere: part 5, U 0.25, V 0.75."""
    plane = np.ones((_CELLS, _CELLS), np.float32)
    charts = np.ones((_CELLS, _CELLS, NUM_PARTS), np.float32)
    parts = np.where(np.arange(NUM_PARTS) == 4, 2 * charts, -charts)
    return DenseMaps(
        np.array(roi, np.float32), 2 * plane, parts, np.full_like(charts, 0.25), np.full_like(charts, 0.75), plane
    )


def _tied(roi: list[float]) -> DenseMaps:
    """Parts 3 and 7 as likely as each other in the left half; 9 on the right, as likely as 3 on the left."""
    even = _even(roi)
    parts = np.full_like(even.parts, -1)
    parts[:, : _CELLS // 2, [2, 6]] = 2
    parts[:, _CELLS // 2 :, 8] = 2
    u, v = even.u.copy(), even.v.copy()
    u[..., 2], u[..., 6], v[..., 8] = 1.5, 0.125, -0.5  # clipped to 0..1
    return DenseMaps(even.roi, even.foreground, parts, u, v, even.confidence)
