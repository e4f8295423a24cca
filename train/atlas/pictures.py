"""Pictures of the atlas: the body from four sides and the 24 flat charts, with lines of equal U and V."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.draw.palette import PALETTE
from densepose_mobile.errors import OutputError
from densepose_mobile.parts import NUM_PARTS, PART_NAMES
from densepose_mobile.train.atlas.raster import orthographic, rasterize

__all__ = ["draw_body", "draw_charts", "draw_points", "write_picture"]

_OVER: Final = 3  # pictures are drawn this many times larger and averaged down
_STEPS: Final = 10  # lines of equal U and V: one every tenth
_PAPER: Final = 250.0
_BEHIND: Final = 0.02  # m under the surface at which a point still counts as seen
_INK: Final = np.array([28.0, 32.0, 40.0])
_ORDER: Final = (2, 1, 24, 23, 4, 3, 5, 6, 10, 9, 8, 7, 14, 13, 12, 11, 17, 18, 15, 16, 21, 22, 19, 20)


def draw_body(atlas: Atlas, size: int = 620) -> NDArray[np.uint8]:
    """Front, left side, back and right side in one RGB picture (size, ..., 3); lines of U light, of V dark."""
    views = [_view(atlas, yaw, size)[:, size // 2 - width : size // 2 + width] for yaw, width in _views(size)]
    return np.concatenate(views, axis=1)


def draw_points(
    atlas: Atlas, part: NDArray[np.uint8], uv: NDArray[np.floating], colours: NDArray[np.uint8], size: int = 480
) -> NDArray[np.uint8]:
    """Surface points on a grey body, seen from its front, left, back and right: RGB (size, ..., 3).

    part: (K,) 1..24. uv: (2, K). colours: (K, 3) RGB. A point is drawn where the view sees it.
    """
    body = atlas.vertices.astype(np.float64)
    points = atlas.surface_point(part, uv[0], uv[1]).astype(np.float64)
    centre, extent = np.array([0.0, atlas.height / 2, 0.09]), atlas.height * 1.06
    scale = size / extent
    views = []
    for yaw, width in _views(size):
        seen, marks = (orthographic(p, yaw, 0, centre, extent, size) for p in (body, points))
        face, weight = rasterize(seen, atlas.faces, size, size)
        normal = _vertex_normals(seen * [1, 1, scale], atlas.faces)
        light = np.abs((normal[atlas.faces[face]] * weight[..., None]).sum(axis=2)[..., 2])
        view = np.where(face >= 0, 120 + 110 * light, _PAPER)[..., None].repeat(3, 2).astype(np.uint8)
        depth = np.where(face >= 0, (seen[atlas.faces[face], 2] * weight).sum(axis=2), np.inf)
        column, row = np.clip(marks[:, :2].astype(int), 0, size - 1).T
        for index in np.flatnonzero(marks[:, 2] <= depth[row, column] + _BEHIND):
            place = int(column[index]), int(row[index])
            cv2.circle(view, place, max(size // 160, 1), colours[index].tolist(), -1, cv2.LINE_AA)
        views.append(view[:, size // 2 - width : size // 2 + width])
    return np.concatenate(views, axis=1)


def draw_charts(atlas: Atlas, cell: int = 200) -> NDArray[np.uint8]:
    """All charts on [0, 1]², U to the right and V upwards, left parts beside their mirrors: RGB (4 rows of 6)."""
    rows = [
        np.concatenate([_chart_tile(atlas, part, cell) for part in _ORDER[start : start + 6]], axis=1)
        for start in range(0, NUM_PARTS, 6)
    ]
    return np.concatenate(rows)


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """A PNG of RGB `image`, its colours rounded to steps of four, which keeps the file below 300 kB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = np.minimum(np.rint(image / 4) * 4, 255).astype(np.uint8)
    temporary = path.with_suffix(".partial.png")
    if not cv2.imwrite(str(temporary), rounded[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OutputError(f"cannot write {path}: choose a writable folder")
    temporary.replace(path)


def _views(size: int) -> tuple[tuple[float, int], ...]:
    wide, narrow = int(0.335 * size), int(0.21 * size)
    return (0.0, wide), (90.0, narrow), (180.0, wide), (270.0, narrow)


def _view(atlas: Atlas, yaw: float, size: int) -> NDArray[np.uint8]:
    big = size * _OVER
    centre = np.array([0.0, atlas.height / 2, 0.09])
    points = orthographic(atlas.vertices, yaw, 0, centre, atlas.height * 1.06, big)
    face, weight = rasterize(points, atlas.faces, big, big)
    part, uv = _labels(atlas, face, weight)
    colour = PALETTE[part].astype(np.float64)
    normal = _vertex_normals(points * [1, 1, big / (atlas.height * 1.06)], atlas.faces)
    facing = (normal[atlas.faces[face]] * weight[..., None]).sum(axis=2)
    facing /= np.maximum(np.linalg.norm(facing, axis=2, keepdims=True), 1e-9)
    light = 0.42 + 0.58 * np.clip(np.abs(facing[..., 2]), 0, 1) ** 0.8
    colour *= light[..., None]
    _rule(colour, part, uv)
    _ink_borders(colour, part, 1)
    colour[part == 0] = _PAPER
    _ink_outline(colour, part)
    return _shrink(colour)


def _chart_tile(atlas: Atlas, part: int, cell: int) -> NDArray[np.uint8]:
    margin, head = cell // 14, cell // 10
    big = (cell - 2 * margin) * _OVER
    flat = np.stack([atlas.chart_uv[:, 0] * big, (1 - atlas.chart_uv[:, 1]) * big, np.zeros(len(atlas.chart_uv))], 1)
    index = np.flatnonzero(atlas.part == part)
    face, weight = rasterize(flat.astype(np.float64), atlas.chart_faces[index], big, big)
    face = np.where(face >= 0, index[face], -1)
    # relief: how the body itself is lit at each point of the chart, and the lines of the body's own compass
    normal = _vertex_normals(atlas.vertices.astype(np.float64), atlas.faces)
    on = (normal[atlas.faces[face]] * weight[..., None]).sum(axis=2)
    own = np.where(face >= 0, part, 0).astype(np.uint8)
    _, uv = _labels(atlas, face, weight)
    colour = PALETTE[own].astype(np.float64)
    towards = _mean_direction(atlas, normal, index)
    colour *= (0.55 + 0.45 * np.clip(on @ towards, 0, 1))[..., None]
    _rule(colour, own, uv)
    colour[own == 0] = _PAPER
    _ink_outline(colour, own)
    tile = np.full((cell + head, cell, 3), _PAPER, np.uint8)
    tile[head + margin : head + margin + big // _OVER, margin : margin + big // _OVER] = _shrink(colour)
    frame = (margin - 1, head + margin - 1), (cell - margin, head + cell - margin)
    cv2.rectangle(tile, *frame, (205, 208, 214), 1)
    text = f"{part} {PART_NAMES[part]}"
    cv2.putText(tile, text, (margin, head), cv2.FONT_HERSHEY_SIMPLEX, cell / 520, (40, 44, 52), 1, cv2.LINE_AA)
    return tile


def _mean_direction(atlas: Atlas, normal: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    mean = normal[atlas.faces[index]].mean(axis=(0, 1)) + np.array([0.0, 0.25, 0.1])
    return np.asarray(mean / np.linalg.norm(mean), np.float64)


def _labels(
    atlas: Atlas, face: NDArray[np.int32], weight: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    part = np.where(face >= 0, atlas.part[face], 0).astype(np.uint8)
    uv = (atlas.chart_uv[atlas.chart_faces[face]] * weight[..., None]).sum(axis=2)
    return part, np.moveaxis(uv, -1, 0).astype(np.float64)


def _rule(colour: NDArray[np.float64], part: NDArray[np.uint8], uv: NDArray[np.float64]) -> None:
    """Lines every tenth of U (white) and V (dark), of even width wherever the chart leads (in place)."""
    for value, tone, strength in ((uv[0], 255.0, 0.85), (uv[1], 20.0, 0.55)):
        steps = value * _STEPS
        dy, dx = np.gradient(steps)
        slope = np.hypot(dx, dy)
        gap = np.abs(steps - np.rint(steps)) / np.maximum(slope, 1e-6)
        # no line at the rim, across a seam, or where it would blacken all
        sound = (np.rint(steps) > 0) & (np.rint(steps) < _STEPS) & (slope < 0.28) & _inner(part)
        share = strength * np.clip(1.25 * _OVER / 2 - gap, 0, 1) * sound
        colour += share[..., None] * (tone - colour)


def _inner(part: NDArray[np.uint8]) -> NDArray[np.bool_]:
    same = np.ones(part.shape, bool)
    for axis in (0, 1):
        for shift in (-1, 1):
            same &= np.roll(part, shift, axis) == part
    return same & (part > 0)


def _ink_borders(colour: NDArray[np.float64], part: NDArray[np.uint8], width: int) -> None:
    edge = np.zeros(part.shape, bool)
    edge[:, 1:] |= (part[:, 1:] != part[:, :-1]) & (part[:, 1:] > 0) & (part[:, :-1] > 0)
    edge[1:] |= (part[1:] != part[:-1]) & (part[1:] > 0) & (part[:-1] > 0)
    thick = cv2.dilate(edge.astype(np.uint8), np.ones((2 * width + 1, 2 * width + 1), np.uint8)) > 0
    colour[thick] += 0.8 * (_INK - colour[thick])


def _ink_outline(colour: NDArray[np.float64], part: NDArray[np.uint8]) -> None:
    body = (part > 0).astype(np.uint8)
    edge = cv2.dilate(body, np.ones((3, 3), np.uint8)) - cv2.erode(body, np.ones((3, 3), np.uint8))
    colour[edge > 0] += 0.75 * (_INK - colour[edge > 0])


def _vertex_normals(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    p = vertices[faces]
    each = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    normal = np.stack([np.bincount(faces.ravel(), np.repeat(each[:, k], 3), len(vertices)) for k in range(3)], axis=1)
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12), np.float64)


def _shrink(colour: NDArray[np.float64]) -> NDArray[np.uint8]:
    height, width = colour.shape[0] // _OVER, colour.shape[1] // _OVER
    mean = colour[: height * _OVER, : width * _OVER].reshape(height, _OVER, width, _OVER, 3).mean(axis=(1, 3))
    return np.clip(np.rint(mean), 0, 255).astype(np.uint8)
