"""Textures that know the body below: for every texel its point of the template and its place along limbs and trunk."""

from dataclasses import dataclass, fields
from typing import Final

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.template import TemplateMesh
from densepose_mobile.train.cache import Arrays, cached_arrays
from densepose_mobile.train.data.bodies import BodyBank
from densepose_mobile.train.data.bodyrig import BodyRig
from densepose_mobile.train.data.segments import SEGMENTS, segments_of
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet

__all__ = [
    "ARM",
    "HEAD",
    "LEG",
    "TRUNK",
    "BodyCoordinates",
    "TexelMap",
    "cached_texels",
    "face_of_texel",
    "fill",
    "texel_map",
]

HEAD: Final = 0
TRUNK: Final = 1
ARM: Final = 2
LEG: Final = 3
_FORMAT: Final = 3
_NOISE_CELLS: Final = (0.30, 0.11, 0.045, 0.018)  # m, lattice of the noise fields


@dataclass(frozen=True, eq=False)
class TexelMap:
    """Body coordinates of a texture's texels, S x S. Texels outside every triangle repeat their nearest neighbour."""

    point: NDArray[np.float32]  # (S, S, 3) m, template
    kind: NDArray[np.uint8]  # (S, S) HEAD, TRUNK, ARM, LEG
    along: NDArray[np.float32]  # (S, S) arms: 0 shoulder, 1 elbow, 2 wrist; legs: 0 hip, 1 knee, 2 ankle; trunk: y in m
    level: NDArray[np.float32]  # (S, S) m down the cloth: what level stripes follow
    around: NDArray[np.float32]  # (S, S) m round the trunk, 0 in front; round an arm, from 1 on; round a leg, from 2 on
    noise: NDArray[np.float32]  # (S, S, 4) smooth noise in space, mean 0, deviation 1, coarse to fine
    used: NDArray[np.bool_]  # (S, S) inside a triangle

    @property
    def size(self) -> int:
        """S."""
        return len(self.kind)


@dataclass(frozen=True, eq=False)
class BodyCoordinates:
    """Places points of the template on head, trunk or limbs."""

    template: TemplateMesh
    bank: BodyBank

    def segments(self, points: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N,) index into SEGMENTS of template points (N, 3)."""
        from scipy.spatial import cKDTree

        rig = BodyRig(self.bank)
        of_vertex = segments_of(rig.rig, rig.weights)[self.bank.body]
        return np.asarray(of_vertex[cKDTree(self.template.vertices).query(points)[1]])

    def coordinates(
        self, points: NDArray[np.float32], segment: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Kind, along, level, around (see TexelMap) of template points (N, 3) on known segments (N,)."""
        joints = self.template.joints
        kind = np.full(len(points), TRUNK, np.uint8)
        along = points[:, 1].copy()
        level = points[:, 1].copy()
        around = (np.arctan2(points[:, 0], points[:, 2] + 0.02) * 0.14).astype(np.float32)
        head = segment == SEGMENTS.index("head")
        kind[head] = HEAD
        for side, sign in (("L", 1.0), ("R", -1.0)):
            for which, bones, names in (
                (ARM, ("upperarm01", "lowerarm01", "wrist"), ("upperarm", "forearm")),
                (LEG, ("upperleg01", "lowerleg01", "foot"), ("thigh", "shin")),
            ):
                start, bend, end = (joints[f"{bone}.{side}"].astype(np.float64) for bone in bones)
                own = [k for k, name in enumerate(SEGMENTS) if name[0] == side.lower() and name[1] == "_"]
                upper, lower = (SEGMENTS.index(f"{side.lower()}_{name}") for name in names)
                arm_end = ("thigh", "shin", "foot")
                members = [k for k in own if (SEGMENTS[k][2:] in arm_end) == (which == LEG)]
                mine = np.isin(segment, members)
                p = points[mine].astype(np.float64)
                first = np.clip(_project(p, start, bend), 0, 1)
                second = np.clip(_project(p, bend, end), 0, None)
                far = segment[mine]
                t = np.where(far == upper, first, np.where(far == lower, 1 + np.clip(second, 0, 1), 2 + second - 1))
                kind[mine] = which
                along[mine] = t
                length = np.linalg.norm(bend - start)
                level[mine] = start[1] - t * length
                centre = np.where(
                    (t < 1)[:, None], start + (bend - start) * t[:, None], bend + (end - bend) * (t - 1)[:, None]
                )
                off = p - centre
                if which == ARM:
                    across = (end - start)[[1, 0, 2]] * [-1, 1, 0] * sign
                    across /= np.linalg.norm(across)
                    around[mine] = np.arctan2(off @ across, off[:, 2]) * 0.045 + 1
                else:
                    around[mine] = np.arctan2(off[:, 0] * sign, off[:, 2]) * 0.075 + 2
        return kind, along.astype(np.float32), level.astype(np.float32), around


def _project(points: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    axis = end - start
    return np.asarray((points - start) @ axis / (axis @ axis))


@numba.njit(cache=True)
def fill(corner_uv, values, out, owner):  # type: ignore[no-untyped-def]
    size = owner.shape[0]
    channels = values.shape[2]
    for f in range(corner_uv.shape[0]):
        x0, y0 = corner_uv[f, 0, 0] * size, corner_uv[f, 0, 1] * size
        x1, y1 = corner_uv[f, 1, 0] * size, corner_uv[f, 1, 1] * size
        x2, y2 = corner_uv[f, 2, 0] * size, corner_uv[f, 2, 1] * size
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        left, right = max(0, int(min(x0, x1, x2) - 0.5)), min(size - 1, int(max(x0, x1, x2) + 0.5))
        top, bottom = max(0, int(min(y0, y1, y2) - 0.5)), min(size - 1, int(max(y0, y1, y2) + 0.5))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5, y + 0.5
                a = ((x1 - px) * (y2 - py) - (x2 - px) * (y1 - py)) / area
                b = ((x2 - px) * (y0 - py) - (x0 - px) * (y2 - py)) / area
                c = 1 - a - b
                if a >= -0.001 and b >= -0.001 and c >= -0.001:
                    owner[y, x] = f
                    for k in range(channels):
                        out[y, x, k] = a * values[f, 0, k] + b * values[f, 1, k] + c * values[f, 2, k]


def face_of_texel(uv: NDArray[np.float32], uv_faces: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """(S, S) face that wears each texel; texels outside every face have their nearest neighbour's."""
    owner = np.full((size, size), -1, np.int64)
    fill(uv[uv_faces].astype(np.float64), np.zeros((len(uv_faces), 3, 1)), np.zeros((size, size, 1)), owner)
    return np.asarray(owner.ravel()[_nearest_used(owner >= 0)])


def _nearest_used(used: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(S, S) flat index of the nearest used texel."""
    _, label = cv2.distanceTransformWithLabels((~used).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    source = np.zeros(int(label.max()) + 1, np.int64)
    source[label[used]] = np.flatnonzero(used.ravel())
    return np.asarray(source[label])


def texel_map(
    surface: Surface, uv: NDArray[np.float32], uv_faces: NDArray[np.int32], coordinates: BodyCoordinates, size: int
) -> TexelMap:
    """Body coordinates of the texels of a texture of `size` px that `surface` wears by uv (T, 2), uv_faces (F, 3)."""
    corner = surface.canonical[surface.faces].astype(np.float64)
    out = np.zeros((size, size, 3))
    owner = np.full((size, size), -1, np.int64)
    fill(uv[uv_faces].astype(np.float64), corner, out, owner)
    used = owner >= 0
    nearest = _nearest_used(used).ravel()
    point = out.reshape(-1, 3)[nearest].astype(np.float32)
    face = owner.ravel()[nearest]
    segment = np.sort(coordinates.segments(surface.canonical)[surface.faces], axis=1)[:, 1][face]
    kind, along, level, around = coordinates.coordinates(point, segment)
    noise = np.stack([_noise(point, cell, seed) for seed, cell in enumerate(_NOISE_CELLS)], -1)
    shape = (size, size)
    return TexelMap(
        point.reshape(*shape, 3),
        kind.reshape(shape),
        along.reshape(shape),
        level.reshape(shape),
        around.reshape(shape),
        noise.reshape(*shape, -1).astype(np.float32),
        used,
    )


def cached_texels(
    surface: Surface, uv: NDArray[np.float32], uv_faces: NDArray[np.int32], coordinates: BodyCoordinates, size: int
) -> TexelMap:
    """`texel_map`, kept in the cache by the surface's content."""
    name = f"texels-{_FORMAT}-{surface.name.replace('/', '-')}-{SurfaceSet((surface,)).id}-{size}"

    def make() -> Arrays:
        made = texel_map(surface, uv, uv_faces, coordinates, size)
        return {field.name: getattr(made, field.name) for field in fields(TexelMap)}

    return TexelMap(**cached_arrays(name, make))  # type: ignore[arg-type]


def _noise(points: NDArray[np.float32], cell: float, seed: int) -> NDArray[np.float64]:
    """Value noise (N,) of points (N, 3), mean 0, deviation 1."""
    lattice = np.random.default_rng(seed).normal(size=(32, 32, 32))
    scaled = points.astype(np.float64) / cell + 1000 * 32
    low = np.floor(scaled).astype(np.int64)
    part = scaled - low
    part = part * part * (3 - 2 * part)
    total = np.zeros(len(points))
    for dx in (0, 1):
        for dy in (0, 1):
            for dz in (0, 1):
                weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1]) * np.abs(1 - dz - part[:, 2])
                index = (low + np.array([dx, dy, dz])) % 32
                total += weight * lattice[index[:, 0], index[:, 1], index[:, 2]]
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-6))
