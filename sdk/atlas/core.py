"""The atlas read from its packaged file."""

import hashlib
import importlib.resources
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densepose_mobile.atlas.location import ChartLocator, face_neighbours
from densepose_mobile.atlas.nearest import SurfaceIndex, closest_on_triangles
from densepose_mobile.atlas.packing import STEP, unpack
from densepose_mobile.errors import InputError
from densepose_mobile.parts import NUM_PARTS

__all__ = ["KEYPOINTS", "SCHEMA", "Atlas", "Raster"]

SCHEMA: Final = 1
_NEAR: Final = 0.02  # metres
KEYPOINTS: Final[tuple[str, ...]] = (
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
)  # in COCO's order

_ARRAYS: Final = (
    "vertices",
    "faces",
    "part",
    "chart_uv",
    "chart_faces",
    "raster",
    "nodes",
    "node_faces",
    "node_mirror",
    "vertex_node_face",
    "distances",
    "keypoint_distances",
)


@dataclass(frozen=True)
class Raster:
    """Charts on a regular grid, for use as tensors: part 1 is row 0. Cells outside a chart hold its nearest point."""

    node: NDArray[np.int32]  # (24, R, R, 3) template nodes, [part - 1, row of V, column of U]
    weight: NDArray[np.float32]  # (24, R, R, 3) their barycentric weights
    inside: NDArray[np.bool_]  # (24, R, R) the cell's centre lies on the chart


@dataclass(frozen=True, eq=False)
class Atlas:
    """24 charts on the closed template body of 1.70 m (metres, y up, +z front, +x the person's left, feet at y = 0).

    Everywhere: part uint8 1..24, uv float32 with U and V first, (2, ...), 0..1. A (U, V) that no chart point has means
    the nearest point of that chart's outline. Part 0 (background) gives NaN points and infinite distances.
    """

    id: str  # hash of the charts and distances
    height: float  # metres
    vertices: NDArray[np.float32]  # (V, 3) cut mesh
    faces: NDArray[np.int32]  # (F, 3) counter-clockwise seen from outside
    part: NDArray[np.uint8]  # (F,)
    chart_uv: NDArray[np.float32]  # (T, 2)
    chart_faces: NDArray[np.int32]  # (F, 3) the same triangles as `faces`, corners into chart_uv
    nodes: NDArray[np.int32]  # (S,) vertices that carry geodesic distances
    node_faces: NDArray[np.int32]  # (N, 3) decimated template, corners into nodes
    distances: NDArray[np.uint16]  # (S, S) geodesic distances between nodes in steps of 0.1 mm
    keypoint_distances: NDArray[np.float32]  # (17, V) metres from each COCO keypoint's region
    locator: ChartLocator
    vertex_node_face: NDArray[np.int32]  # (V,) face of the decimated template under each vertex

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Atlas":
        """The packaged atlas, or one that `densepose-mobile atlas build` wrote.

        Raises InputError when the file is none or was written by a newer version.
        """
        if path is None:
            return _packaged()
        return _read(Path(path))

    def surface_point(self, part: NDArray[np.uint8], u: ArrayLike, v: ArrayLike) -> NDArray[np.float32]:
        """Points (..., 3) in metres on the template. part, u, v: (...)."""
        part = np.asarray(part, np.uint8)
        face, weight, on = self._locate(part, np.stack(np.broadcast_arrays(u, v)))
        point = np.full((*part.shape, 3), np.nan, np.float32)
        point[on] = (self.vertices[self.faces[face]] * weight[:, :, None]).sum(axis=1)
        return point

    def iuv(self, points: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """part (...) and uv (2, ...) of the surface points closest to points (..., 3), metres on the template."""
        points = np.asarray(points, np.float64)
        face, weight = self._nearest(points.reshape(-1, 3))
        uv = (self.chart_uv[self.chart_faces[face]] * weight[:, :, None]).sum(axis=1)
        shape = points.shape[:-1]
        return self.part[face].reshape(shape), uv.T.reshape(2, *shape).astype(np.float32)

    def geodesic(
        self,
        part_a: NDArray[np.uint8],
        uv_a: NDArray[np.floating],
        part_b: NDArray[np.uint8],
        uv_b: NDArray[np.floating],
    ) -> NDArray[np.float32]:
        """Metres along the body between points a and b, (...). part: (...), uv: (2, ...).

        Squared node distances are interpolated at both ends and the spread of the corners round each end is taken
        off, which is exact on a plane and leaves no distance between a point and itself.
        """
        part_a, part_b = np.asarray(part_a, np.uint8), np.asarray(part_b, np.uint8)
        on = (part_a > 0) & (part_b > 0)
        node_a, weight_a, point_a = self._on_nodes(part_a[on], np.asarray(uv_a)[:, on])
        node_b, weight_b, point_b = self._on_nodes(part_b[on], np.asarray(uv_b)[:, on])
        square = np.square(self.distances[node_a[:, :, None], node_b[:, None, :]].astype(np.float64) * STEP)
        mean = (square * weight_a[:, :, None] * weight_b[:, None, :]).sum(axis=(1, 2))
        mean -= self._spread(node_a, weight_a) + self._spread(node_b, weight_b)
        straight = np.linalg.norm(point_a - point_b, axis=1)
        along = np.sqrt(np.maximum(mean, np.square(straight)))
        # within a node spacing the straight way is the better estimate
        near = np.clip(along / _NEAR, 0, 1)
        result = np.full(on.shape, np.inf, np.float32)
        result[on] = near * along + (1 - near) * straight
        return result

    def keypoint_distance(
        self, keypoint: NDArray[np.integer], part: NDArray[np.uint8], uv: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Metres (...) along the body from points to a COCO keypoint's region; 0 inside. keypoint: (...) 0..16.

        Regions: nose, eye or ear; for a joint the ring where the two body parts meet.
        """
        part = np.asarray(part, np.uint8)
        face, weight, on = self._locate(part, uv)
        result = np.full(part.shape, np.inf, np.float32)
        which = np.broadcast_to(keypoint, part.shape)[on]
        result[on] = (self.keypoint_distances[which[:, None], self.faces[face]] * weight).sum(axis=1)
        return result

    def node_weights(
        self, part: NDArray[np.uint8], uv: NDArray[np.floating]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Three nodes (..., 3) of the decimated template round each point, and their weights. part 1..24: (...)."""
        part = np.asarray(part, np.uint8)
        node, weight, _ = self._on_nodes(part.ravel(), np.asarray(uv).reshape(2, -1))
        return node.reshape(*part.shape, 3).astype(np.int32), weight.reshape(*part.shape, 3).astype(np.float32)

    @cached_property
    def raster(self) -> Raster:
        """The charts at 64 x 64 cells each."""
        size = 64
        centre = (np.arange(size) + 0.5) / size
        part = np.broadcast_to(np.arange(1, NUM_PARTS + 1, dtype=np.uint8)[:, None, None], (NUM_PARTS, size, size))
        uv = np.stack([np.broadcast_to(centre, part.shape), np.broadcast_to(centre[:, None], part.shape)])
        node, weight = self.node_weights(part, uv)
        face, at, _ = self._locate(part, uv)
        found = (self.chart_uv[self.chart_faces[face]] * at[:, :, None]).sum(axis=1)
        inside = np.abs(found - uv.reshape(2, -1).T).max(axis=1) < 1e-4
        return Raster(node, weight, inside.reshape(part.shape))

    def _locate(
        self, part: NDArray[np.uint8], uv: NDArray[np.floating]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
        uv = np.asarray(uv)
        if uv.shape != (2, *part.shape):
            raise InputError(f"uv has shape {uv.shape}: for part of shape {part.shape} give (2, ...), U first")
        if part.size and part.max() > NUM_PARTS:
            raise InputError(f"part {part.max()} is none of 0..{NUM_PARTS}")
        on = part > 0
        face, weight = self.locator.locate(part[on], uv[:, on])
        return face, weight, on

    def _on_nodes(
        self, part: NDArray[np.uint8], uv: NDArray[np.floating]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
        """Nodes (N, 3), weights (N, 3) and the body point (N, 3) of chart points."""
        face, weight, _ = self._locate(part, uv)
        point = (self.vertices[self.faces[face]].astype(np.float64) * weight[:, :, None]).sum(axis=1)
        options = self.vertex_node_face[self.faces[face]]
        corner = self._node_points[self.node_faces[options]]
        found = closest_on_triangles(point[:, None], corner[:, :, 0], corner[:, :, 1], corner[:, :, 2])
        gap = np.square((corner * found[..., None]).sum(axis=2) - point[:, None]).sum(axis=-1)
        row, best = np.arange(len(point)), gap.argmin(axis=1)
        return self.node_faces[options[row, best]], found[row, best], point

    def _spread(self, node: NDArray[np.int32], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        corner = self._node_points[node]
        centre = (corner * weight[:, :, None]).sum(axis=1, keepdims=True)
        return np.asarray((np.square(corner - centre).sum(axis=2) * weight).sum(axis=1))

    @cached_property
    def _node_points(self) -> NDArray[np.float64]:
        return self.vertices[self.nodes].astype(np.float64)

    def _nearest(self, points: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        face = np.zeros(len(points), np.intp)
        weight = np.zeros((len(points), 3))
        left = np.arange(len(points))
        for index in self._indices:
            face[left], weight[left], sure = index.nearest(points[left])
            left = left[~sure]
            if not len(left):
                return face, weight
        face[left], weight[left] = self._indices[-1].search(points[left])
        return face, weight

    @cached_property
    def _indices(self) -> tuple[SurfaceIndex, ...]:
        return tuple(SurfaceIndex(self.vertices, self.faces, cube) for cube in (0.005, 0.03))


def _packaged() -> Atlas:
    if "atlas" not in _cache:
        with importlib.resources.as_file(importlib.resources.files("densepose_mobile.atlas") / "atlas.npz") as path:
            _cache["atlas"] = _read(path)
    return _cache["atlas"]


_cache: dict[str, Atlas] = {}


def _read(path: Path) -> Atlas:
    try:
        with np.load(path, allow_pickle=False) as file:
            header: dict[str, Any] = json.loads(str(file["header"]))
            if header.get("schema") != SCHEMA:
                raise InputError(
                    f"{path} has atlas schema {header.get('schema')}, this version reads {SCHEMA}: "
                    "update densepose-mobile, or build the atlas anew"
                )
            data = {name: file[name] for name in _ARRAYS}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not an atlas ({error}): write one with `densepose-mobile atlas build`") from error
    chart_faces = data["chart_faces"].astype(np.int32)
    part = data["part"]
    return Atlas(
        id=content_id(data),
        height=float(header["height"]),
        vertices=data["vertices"],
        faces=data["faces"].astype(np.int32),
        part=part,
        chart_uv=data["chart_uv"],
        chart_faces=chart_faces,
        nodes=data["nodes"].astype(np.int32),
        node_faces=data["node_faces"].astype(np.int32),
        distances=unpack(data["distances"], data["node_mirror"].astype(np.int64), int(header["left_nodes"])),
        keypoint_distances=data["keypoint_distances"].astype(np.float32) * np.float32(STEP),
        locator=ChartLocator(
            data["chart_uv"], chart_faces, part, face_neighbours(chart_faces), data["raster"].astype(np.int32)
        ),
        vertex_node_face=data["vertex_node_face"].astype(np.int32),
    )


def content_id(arrays: dict[str, NDArray[Any]]) -> str:
    """16 hexadecimal digits of a hash over everything that gives labels and distances their meaning."""
    digest = hashlib.sha256()
    for name in _ARRAYS:
        if name != "raster":
            digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()[:16]
