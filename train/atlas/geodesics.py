"""Exact geodesic distances on the closed skin of the template, and the nodes that carry them.

Distances are those of Mitchell, Mount and Papadimitriou, "The discrete geodesic problem" (1987), as in libigl's core:
exact on the polyhedron. They are measured on a skin thinned to a subset of its vertices, which moves them by less than
0.1 % on average and takes a quarter of the time. They depend on the template alone: a new chart layout reuses them.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas.packing import STEP
from densepose_mobile.train.atlas.cutting import CutMesh
from densepose_mobile.train.atlas.decimate import decimate
from densepose_mobile.train.atlas.surface import mirrored

__all__ = ["Skin", "SkinDistances", "exact_distances", "measure_skin", "skin_of"]

logger = logging.getLogger(__name__)

_CHUNK: Final = 32
_MEASURED: Final = 2600  # vertices of the left half that the distances are measured on


@dataclass(frozen=True)
class Skin:
    """The closed outer surface of the whole template body, left vertices first."""

    vertices: NDArray[np.float64]  # (V, 3)
    faces: NDArray[np.int32]  # (F, 3)
    mirror: NDArray[np.int32]  # (V,)
    left: int  # vertices of the left half, mirror plane included


@dataclass(frozen=True)
class SkinDistances:
    """Nodes and their geodesic distances on the thinned skin."""

    nodes: NDArray[np.int32]  # (S,) skin vertices, the left half's first
    mirror: NDArray[np.int32]  # (S,) the mirror node
    left: int  # nodes of the left half
    faces: NDArray[np.int32]  # (N, 3) decimated closed surface, corners into nodes
    kept: NDArray[np.int32]  # (M,) the skin vertices of the thinned skin, the left half's first
    from_left: NDArray[np.uint16]  # (left, M) steps of 0.1 mm from each left node to every kept vertex


def skin_of(half: CutMesh) -> Skin:
    """The whole skin from its uncut left half."""
    vertices, faces, mirror = mirrored(half.vertices, half.faces)
    return Skin(vertices, faces, mirror, len(half.vertices))


def exact_distances(skin: Skin, sources: NDArray[np.int32]) -> NDArray[np.float64]:
    """(V,) metres from the nearest of the `sources` (K,) to every vertex."""
    import igl

    none = np.zeros(0, np.int64)
    every = np.arange(len(skin.vertices), dtype=np.int64)
    result: NDArray[np.float64] = igl.exact_geodesic(
        skin.vertices, skin.faces.astype(np.int64), np.asarray(sources, np.int64), none, every, none
    )
    return result


def measure_skin(
    skin: Skin, count: int, cache: Path, workers: int = 2, progress: Callable[[int, int], None] | None = None
) -> SkinDistances:
    """About `count` nodes spread over the skin and their geodesic distances.

    A thousand nodes take about four minutes of one core; finished blocks are kept in `cache`, and a stopped run goes on
    from there.
    progress: called with (done, total) blocks.
    """
    on_plane = skin.vertices[:, 0] == 0
    thin, kept = _thinned(skin)
    left, faces = decimate(
        thin.vertices[: thin.left], thin.faces[: len(thin.faces) // 2], (count + 50) // 2, on_plane[kept][: thin.left]
    )
    digest = hashlib.sha256(thin.vertices.astype("<f4").tobytes() + thin.faces.tobytes() + left.tobytes())
    folder = cache / f"geodesics-{digest.hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [left[i : i + _CHUNK] for i in range(0, len(left), _CHUNK)]
    paths = [folder / f"{i:04d}.npy" for i in range(len(blocks))]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    logger.info("exact geodesics: %d of %d blocks to do in %s", len(missing), len(blocks), folder)
    done = len(blocks) - len(missing)
    if progress:
        progress(done, len(blocks))
    if missing:
        with ProcessPoolExecutor(workers) as pool:
            work = partial(_measure_block, thin)
            for _ in pool.map(work, [blocks[i] for i in missing], [paths[i] for i in missing]):
                done += 1
                if progress:
                    progress(done, len(blocks))
    from_left = np.concatenate([np.load(path) for path in paths])

    nodes = np.concatenate([left, thin.mirror[left[~on_plane[kept[left]]]]])
    slot = np.full(len(kept), -1, np.int32)
    slot[nodes] = np.arange(len(nodes))
    return SkinDistances(
        nodes=kept[nodes],
        mirror=slot[thin.mirror[nodes]],
        left=len(left),
        faces=np.concatenate([slot[faces], slot[thin.mirror[faces][:, [0, 2, 1]]]]),
        kept=kept,
        from_left=from_left,
    )


def _thinned(skin: Skin) -> tuple[Skin, NDArray[np.int32]]:
    half = skin.faces[: len(skin.faces) // 2]
    left, faces = decimate(skin.vertices[: skin.left], half, _MEASURED, skin.vertices[: skin.left, 0] == 0)
    vertices, whole, mirror = mirrored(skin.vertices[left], np.searchsorted(left, faces).astype(np.int32))
    right = skin.mirror[left[skin.vertices[left, 0] != 0]]
    return Skin(vertices, whole, mirror, len(left)), np.concatenate([left, right]).astype(np.int32)


def _measure_block(skin: Skin, sources: NDArray[np.int32], path: Path) -> None:
    rows = np.stack([exact_distances(skin, np.array([source])) for source in sources])
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.save(file, np.rint(rows / STEP).astype(np.uint16))
    temporary.replace(path)
