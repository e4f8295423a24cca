"""Part, U and V of rendered pixels: from face id and barycentrics to the atlas, through tables made once.

Each face of a drawn surface gets one or more affine pieces of a chart. Faces inside one chart have one piece. Faces
that a chart border or seam crosses have several, and a small barycentric table tells which holds where.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.train.atlas.pieces import CELLS, Projector, border_pieces, cell_of
from densepose_mobile.train.cache import Arrays, cached_arrays

__all__ = ["SurfaceLabels", "Surfaces"]

logger = logging.getLogger(__name__)

_FORMAT: Final = 1  # raised when the tables change
_BEND: Final = 0.004  # metres that an affine piece may differ from the chart at a face's middle and sides
_CHUNK: Final = 4000  # border faces at once


class Surfaces(Protocol):
    """What labels need of a `SurfaceSet`."""

    @property
    def id(self) -> str:
        """Hash of its content."""

    @property
    def faces(self) -> NDArray[np.int32]:
        """(F, 3) faces of all surfaces, into `canonical`."""

    @property
    def canonical(self) -> NDArray[np.float32]:
        """(V, 3) metres on the body template: where on the body each vertex lies."""


@dataclass(frozen=True, eq=False)
class SurfaceLabels:
    """Tables from global face id and barycentrics to part and uv."""

    first: NDArray[np.int32]  # (F,) the face's first piece
    table: NDArray[np.int32]  # (F,) row of `choice`, -1 for faces with one piece
    choice: NDArray[np.uint8]  # (B, C) piece, counted from the face's first, in each barycentric cell
    part: NDArray[np.uint8]  # (P,) part of each piece
    corner_uv: NDArray[np.float32]  # (P, 3, 2) uv at the face's corners, extrapolated where the piece ends before

    @classmethod
    def build(cls, atlas: Atlas, surfaces: Surfaces, cache: Path | None = None) -> "SurfaceLabels":
        """Tables for every face of `surfaces`, made once and then read from the user's cache folder.

        cache: folder; by default $XDG_CACHE_HOME/densepose-mobile or ~/.cache/densepose-mobile.
        """
        name = f"labels-{atlas.id}-{surfaces.id}-{_FORMAT}"
        return cls(**cached_arrays(name, lambda: _build(atlas, surfaces), cache))

    def iuv(
        self, face: NDArray[np.int32], barycentric: NDArray[np.floating]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """part (...) uint8 and uv (2, ...) float32 0..1 of points on faces; zeros where face is -1.

        face: (...) global face id. barycentric: (..., 2) weights of the face's first two corners.
        """
        flat = np.ascontiguousarray(face, np.int32).ravel()
        weights = np.ascontiguousarray(barycentric, np.float32).reshape(-1, 2)
        part = np.zeros(len(flat), np.uint8)
        uv = np.zeros((2, len(flat)), np.float32)
        _look_up(flat, weights, self.first, self.table, self.choice, self.part, self.corner_uv, part, uv)
        shape = np.shape(face)
        return part.reshape(shape), uv.reshape(2, *shape)


@numba.njit(cache=True)  # type: ignore[misc]
def _look_up(
    face: NDArray[np.int32],
    weights: NDArray[np.float32],
    first: NDArray[np.int32],
    table: NDArray[np.int32],
    choice: NDArray[np.uint8],
    piece_part: NDArray[np.uint8],
    corner_uv: NDArray[np.float32],
    part: NDArray[np.uint8],
    uv: NDArray[np.float32],
) -> None:
    for n in range(len(face)):
        f = face[n]
        if f < 0:
            continue
        a, b = weights[n, 0], weights[n, 1]
        piece = first[f]
        if table[f] >= 0:
            piece += choice[table[f], cell_of(a, b)]
        c = 1.0 - a - b
        part[n] = piece_part[piece]
        corner = corner_uv[piece]
        for k in range(2):
            uv[k, n] = min(1.0, max(0.0, a * corner[0, k] + b * corner[1, k] + c * corner[2, k]))


def _build(atlas: Atlas, surfaces: Surfaces) -> Arrays:
    project = Projector(atlas)
    canonical, faces = surfaces.canonical.astype(np.float64), surfaces.faces
    at, uv = project(canonical)
    corner_part, corner_uv = atlas.part[at][faces], uv[faces]
    corner = canonical[faces]

    # one piece: corners, middle and sides agree on the part, and the chart is steady and almost flat between them
    whole = (corner_part == corner_part[:, :1]).all(axis=1)
    extent = project.extent[corner_part[:, 0]]
    for weights in ((1 / 3, 1 / 3, 1 / 3), (0.5, 0.5, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5)):
        at, found = project(np.einsum("k,fkj->fj", weights, corner))
        gap = np.linalg.norm((found - np.einsum("k,fkj->fj", weights, corner_uv)) * extent, axis=1)
        longest = np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).max(axis=1)
        whole &= (atlas.part[at] == corner_part[:, 0]) & (gap < np.maximum(_BEND, 0.1 * longest))
    border = np.flatnonzero(~whole)
    logger.info("%d of %d faces are crossed by a chart border", len(border), len(faces))

    count = np.ones(len(faces), np.int32)
    choices, parts, uvs = [], [], []
    for start in range(0, len(border), _CHUNK):
        chosen, number, part, piece_uv = border_pieces(project, corner[border[start : start + _CHUNK]])
        choices.append(chosen)
        count[border[start : start + _CHUNK]] = number
        parts.append(part)
        uvs.append(piece_uv)
    first = np.cumsum(count) - count
    piece_part = np.zeros(count.sum(), np.uint8)
    piece_uv = np.zeros((count.sum(), 3, 2), np.float32)
    piece_part[first[whole]] = corner_part[whole, 0]
    piece_uv[first[whole]] = corner_uv[whole]
    table = np.full(len(faces), -1, np.int32)
    choice = np.zeros((1, CELLS * (CELLS + 1) // 2), np.uint8)
    if len(border):
        own = np.repeat(first[border], count[border]) + _running(count[border])
        piece_part[own], piece_uv[own] = np.concatenate(parts), np.concatenate(uvs)
        several = count[border] > 1
        table[border[several]] = np.arange(several.sum())
        choice = np.concatenate([np.concatenate(choices)[several], choice])
    return {
        "first": first.astype(np.int32),
        "table": table,
        "choice": choice,
        "part": piece_part,
        "corner_uv": piece_uv,
    }


def _running(count: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.arange(count.sum(), dtype=np.int32) - np.repeat(np.cumsum(count) - count, count)
