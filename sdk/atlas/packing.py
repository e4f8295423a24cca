"""Geodesic distances of a mirror-symmetric set of surface nodes, packed to a quarter of the full matrix.

The nodes of the left half come first (those on the mirror plane among them), so that with m(i) the mirror node
D[i, j] = D[j, i] = D[m(i), m(j)]. Two symmetric blocks, left-left and left-mirrored-left, hold everything. Distances
are stored in steps of 0.1 mm as uint16, each as the difference from its neighbour in the row, which compresses well.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["STEP", "pack", "unpack"]

STEP: Final = 1e-4  # metres; the longest way on the body, about 2.2 m, fits uint16 three times


def pack(near: NDArray[np.uint16], far: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Upper triangles of two symmetric blocks (L, L), differenced along the rows and joined."""
    rows, columns = np.triu_indices(len(near))
    joined = []
    for block in (near, far):
        change = np.diff(block, axis=1, prepend=np.uint16(0))  # wraps around, as does the cumulative sum back
        change[np.arange(len(block)), np.arange(len(block))] = block.diagonal()
        joined.append(change[rows, columns])
    return np.concatenate(joined)


def unpack(packed: NDArray[np.uint16], mirror: NDArray[np.integer], left: int) -> NDArray[np.uint16]:
    """The full matrix (S, S) in steps of 0.1 mm. mirror: (S,) mirror node of each; left: number of left nodes."""
    half = len(packed) // 2
    rows, columns = np.triu_indices(left)
    blocks = []
    for part in (packed[:half], packed[half:]):
        block = np.zeros((left, left), np.uint16)
        block[rows, columns] = part
        block = np.cumsum(block, axis=1, dtype=np.uint16)
        block = np.triu(block)
        block |= np.triu(block, 1).T
        blocks.append(block)
    near, far = blocks
    count = len(mirror)
    full = np.empty((count, count), np.uint16)
    full[:left, :left] = near
    twin = mirror[left:]  # the left nodes whose mirrors follow
    full[:left, left:] = far[:, twin]
    full[left:, :left] = far[:, twin].T
    full[left:, left:] = near[np.ix_(twin, twin)]
    return full
