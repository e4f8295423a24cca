"""A small orthographic z-buffer: face id and barycentrics of the nearest surface at every pixel."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["orthographic", "rasterize"]


def orthographic(
    vertices: NDArray[np.floating], yaw: float, pitch: float, centre: NDArray[np.floating], extent: float, size: int
) -> NDArray[np.float64]:
    """Vertices in a square picture of `size` pixels that shows `extent` metres about `centre`.

    yaw, pitch: degrees; 0, 0 looks at the front, yaw 90 at the person's left side, pitch 90 from above.
    Returns (V, 3): x right, y down in pixels, depth growing away from the viewer.
    """
    a, b = math.radians(yaw), math.radians(pitch)
    turn = np.array([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    seen = (np.asarray(vertices, np.float64) - centre) @ (tilt @ turn).T
    return np.stack([size / 2 + seen[:, 0] * size / extent, size / 2 - seen[:, 1] * size / extent, -seen[:, 2]], axis=1)


@numba.njit(cache=True)  # type: ignore[misc]
def rasterize(
    points: NDArray[np.float64], faces: NDArray[np.int32], height: int, width: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Nearest face at every pixel centre (+0.5). points: (V, 3) x, y px and depth; faces: (F, 3).

    Returns face (H, W), -1 where nothing is seen, and barycentric (H, W, 3).
    """
    face = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf)
    for f in range(len(faces)):
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0.0:
            continue
        left = max(0, math.floor(min(a[0], b[0], c[0]) - 0.5))
        right = min(width - 1, math.ceil(max(a[0], b[0], c[0]) - 0.5))
        top = max(0, math.floor(min(a[1], b[1], c[1]) - 0.5))
        bottom = min(height - 1, math.ceil(max(a[1], b[1], c[1]) - 0.5))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5, y + 0.5
                wb = ((px - a[0]) * (c[1] - a[1]) - (py - a[1]) * (c[0] - a[0])) / area
                wc = ((b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])) / area
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = wa * a[2] + wb * b[2] + wc * c[2]
                if z < depth[y, x]:
                    depth[y, x] = z
                    face[y, x] = f
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = wa, wb, wc
    return face, weights
