"""From the template body to the atlas: cut, unwrap, orient, mirror, measure."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import KEYPOINTS
from densepose_mobile.atlas.nearest import closest_on_triangles
from densepose_mobile.atlas.packing import STEP, pack
from densepose_mobile.parts import MIRROR, NUM_PARTS, mirror_iuv
from densepose_mobile.train.atlas.cutting import CutMesh
from densepose_mobile.train.atlas.geodesics import Skin, SkinDistances, exact_distances, measure_skin, skin_of
from densepose_mobile.train.atlas.keypoints import keypoint_regions
from densepose_mobile.train.atlas.orient import orient, scaled
from densepose_mobile.train.atlas.raster import rasterize
from densepose_mobile.train.atlas.regions import LEFT_PARTS, left_charts
from densepose_mobile.train.atlas.shape import shape_chart
from densepose_mobile.train.atlas.surface import left_half, mirrored
from densepose_mobile.train.atlas.template import TemplateMesh
from densepose_mobile.train.atlas.unwrap import Chart, open_chart, vertex_area

__all__ = ["Charts", "atlas_arrays", "build_charts"]

_RASTER: Final = 128
_NODE_OPTIONS: Final = 6  # geodesically nearest nodes whose triangles may lie under a vertex


@dataclass(frozen=True)
class Charts:
    """The cut body with all 24 charts."""

    vertices: NDArray[np.float64]  # (V, 3); the first `left` are the left half's
    faces: NDArray[np.int32]  # (F, 3); the first half are the left half's
    part: NDArray[np.uint8]  # (F,)
    mirror: NDArray[np.int32]  # (V,)
    left: int
    uv: NDArray[np.float32]  # (T, 2)
    uv_faces: NDArray[np.int32]  # (F, 3)

    def chart(self, part: int) -> tuple[Chart, NDArray[np.float64]]:
        """One part as a disc, with its uv (N, 2)."""
        index = np.flatnonzero(self.part == part)
        used, first, inverse = np.unique(self.uv_faces[index], return_index=True, return_inverse=True)
        source = self.faces[index].ravel()[first]
        disc = Chart(self.vertices[source], inverse.reshape(-1, 3).astype(np.int32), source, index.astype(np.int32))
        return disc, self.uv[used].astype(np.float64)


def build_charts(template: TemplateMesh) -> Charts:
    """Cuts the body and unwraps its 24 charts; left ones are built, right ones are exact mirrors. A few seconds."""
    cut = left_charts(template)
    vertices, faces, mirror = mirrored(cut.vertices, cut.faces)
    count = len(cut.faces)
    torso = np.where(cut.part <= 2, cut.part, 0).astype(np.uint8)
    whole = CutMesh(
        vertices,
        faces,
        np.concatenate([cut.part, torso]),
        np.concatenate([cut.seam, np.zeros_like(cut.seam)]),
        cut.fixed,
    )
    uv: list[NDArray[np.float32]] = []
    uv_faces = np.full((2 * count, 3), -1, np.int32)
    total = 0
    for part in LEFT_PARTS:
        chart = open_chart(whole, part)
        flat = shape_chart(part, chart, template)
        own = scaled(orient(part, flat, chart.vertices, vertex_area(chart))).astype(np.float32)
        if part <= 2:
            own = _symmetric(own, chart, mirror)
        uv_faces[chart.face_source] = chart.faces + total
        uv.append(own)
        total += len(own)
        if part > 2:
            twin = mirror_iuv(np.full(len(own), part, np.uint8), own.T)[1].T
            uv_faces[chart.face_source + count] = chart.faces[:, [0, 2, 1]] + total
            uv.append(twin)
            total += len(own)
    parts = np.concatenate([cut.part, MIRROR[cut.part]])
    return Charts(vertices, faces, parts, mirror, len(cut.vertices), np.concatenate(uv), uv_faces)


def atlas_arrays(
    template: TemplateMesh,
    charts: Charts,
    nodes: int,
    cache: Path,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, NDArray[Any]], int]:
    """Everything that the atlas file holds, and the number of left nodes.

    nodes: about how many vertices carry geodesic distances. cache: folder for finished blocks of distances.
    """
    skin = skin_of(left_half(template))
    measured = measure_skin(skin, nodes, cache, workers, progress)
    # the cut keeps the skin's left vertices at their indices; right ones follow by the mirror
    left_nodes = measured.nodes[: measured.left]
    node_vertices = np.concatenate([left_nodes, charts.mirror[left_nodes[charts.vertices[left_nodes, 0] != 0]]])
    arrays: dict[str, NDArray[Any]] = {
        "vertices": charts.vertices.astype(np.float32),
        "faces": charts.faces.astype(np.uint16),
        "part": charts.part,
        "chart_uv": charts.uv,
        "chart_faces": charts.uv_faces.astype(np.uint16),
        "raster": _face_raster(charts),
        "nodes": node_vertices.astype(np.uint16),
        "node_faces": measured.faces.astype(np.uint16),
        "node_mirror": measured.mirror.astype(np.uint16),
        "vertex_node_face": _node_faces_under(charts, skin, measured).astype(np.uint16),
        "distances": _packed(skin, measured),
        "keypoint_distances": _keypoint_distances(template, charts),
    }
    return arrays, measured.left


def _symmetric(uv: NDArray[np.float32], chart: Chart, mirror: NDArray[np.int32]) -> NDArray[np.float32]:
    """A torso chart made exactly symmetric: (U, V) on the left, (U, 1 - V) on the right, V = 0.5 on the midline."""
    index = {int(v): i for i, v in enumerate(chart.source)}
    twin = np.array([index[int(mirror[v])] for v in chart.source])
    u = 0.5 * (uv[:, 0].astype(np.float64) + uv[twin, 0])
    v = 0.5 * (uv[:, 1].astype(np.float64) + 1 - uv[twin, 1])
    even = scaled(np.stack([u, v], axis=1)).astype(np.float32)
    left = chart.vertices[:, 0] > 0
    even[twin[left], 0] = even[left, 0]
    even[twin[left], 1] = np.float32(1) - even[left, 1]
    even[chart.vertices[:, 0] == 0, 1] = 0.5
    return even


def _face_raster(charts: Charts) -> NDArray[np.uint16]:
    """(25, R, R) face under (or nearest to) the centre of each chart cell."""
    from scipy.ndimage import distance_transform_edt

    raster = np.zeros((NUM_PARTS + 1, _RASTER, _RASTER), np.uint16)
    points = np.concatenate([charts.uv * _RASTER, np.zeros((len(charts.uv), 1))], axis=1).astype(np.float64)
    for part in range(1, NUM_PARTS + 1):
        index = np.flatnonzero(charts.part == part)
        face, _ = rasterize(points, charts.uv_faces[index], _RASTER, _RASTER)
        row, column = distance_transform_edt(face < 0, return_distances=False, return_indices=True)
        raster[part] = index[face[row, column]]
    return raster


def _node_faces_under(charts: Charts, skin: Skin, measured: SkinDistances) -> NDArray[np.int32]:
    """(V,) triangle of the decimated template closest to each vertex, among those round its nearest nodes."""
    node_points = skin.vertices[measured.nodes]
    around: list[list[int]] = [[] for _ in measured.nodes]
    for i, face in enumerate(measured.faces.tolist()):
        for node in face:
            around[node].append(i)
    # distance from every node to the kept left vertices; for right nodes by the mirror
    slot = np.full(len(skin.vertices), -1, np.int32)
    slot[measured.kept] = np.arange(len(measured.kept))
    kept_left = measured.kept[measured.kept < skin.left]
    right = measured.mirror[measured.left :]
    far = measured.from_left[right][:, slot[skin.mirror[kept_left]]]
    to_left = np.concatenate([measured.from_left[:, : len(kept_left)], far])
    nearest = np.argpartition(to_left, _NODE_OPTIONS, axis=0)[:_NODE_OPTIONS].T
    anchor = slot[_anchors(charts, kept_left)]
    under_left = np.zeros(charts.left, np.int32)
    for v in range(charts.left):
        options = np.unique([f for node in nearest[anchor[v]] for f in around[node]])
        corner = node_points[measured.faces[options]]
        p = charts.vertices[v]
        weight = closest_on_triangles(np.broadcast_to(p, (len(options), 3)), corner[:, 0], corner[:, 1], corner[:, 2])
        gap = np.square((corner * weight[:, :, None]).sum(axis=1) - p).sum(axis=1)
        under_left[v] = options[gap.argmin()]
    half = len(measured.faces) // 2
    swapped = np.where(under_left < half, under_left + half, under_left - half)
    result = np.zeros(len(charts.vertices), np.int32)
    result[: charts.left] = under_left
    result[charts.mirror[: charts.left]] = swapped
    result[: charts.left] = under_left
    return result


def _anchors(charts: Charts, known_vertices: NDArray[np.int32]) -> NDArray[np.int32]:
    """(left,) for each left vertex one of the known vertices that is close to it over the mesh."""
    half = charts.faces[: len(charts.faces) // 2]
    anchor = np.full(charts.left, -1, np.int32)
    anchor[known_vertices] = known_vertices
    sides = half[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    sides = np.concatenate([sides, sides[:, ::-1]])
    while (anchor < 0).any():
        known = sides[(anchor[sides[:, 0]] >= 0) & (anchor[sides[:, 1]] < 0)]
        length = np.linalg.norm(charts.vertices[anchor[known[:, 0]]] - charts.vertices[known[:, 1]], axis=1)
        order = np.argsort(-length)  # the nearest is written last
        anchor[known[order, 1]] = anchor[known[order, 0]]
    return anchor


def _packed(skin: Skin, measured: SkinDistances) -> NDArray[np.uint16]:
    left = measured.nodes[: measured.left]
    blocks = []
    slot = np.full(len(skin.vertices), -1, np.int32)
    slot[measured.kept] = np.arange(len(measured.kept))
    for columns in (left, skin.mirror[left]):
        block = measured.from_left[:, slot[columns]].astype(np.uint32)
        blocks.append(((block + block.T + 1) // 2).astype(np.uint16))
    return pack(*blocks)


def _keypoint_distances(template: TemplateMesh, charts: Charts) -> NDArray[np.uint16]:
    """(17, V) steps of 0.1 mm from each keypoint's region, exact on the cut mesh."""
    whole = Skin(charts.vertices, charts.faces, charts.mirror, charts.left)
    regions = keypoint_regions(template, charts.vertices, charts.faces, charts.part)
    rows = {name: np.rint(exact_distances(whole, region) / STEP).astype(np.uint16) for name, region in regions.items()}
    for name in KEYPOINTS:
        if name.startswith("right"):
            rows[name] = rows[name.replace("right", "left")][charts.mirror]
    return np.stack([rows[name] for name in KEYPOINTS])
