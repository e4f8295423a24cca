"""Cutting the left half of the body into its charts."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas import borders
from densepose_mobile.train.atlas.cutting import CutMesh, Field, connected_faces, cut, side_of
from densepose_mobile.train.atlas.hand import back_of_hand
from densepose_mobile.train.atlas.surface import left_half
from densepose_mobile.train.atlas.template import TemplateMesh

__all__ = ["LEFT_PARTS", "left_charts"]

LEFT_PARTS = (1, 2, 4, 5, 8, 10, 12, 14, 15, 17, 19, 21, 24)

_Mask = NDArray[np.bool_]


class _Cutter:
    """A mesh under the knife, with named groups of triangles that survive later cuts."""

    def __init__(self, mesh: CutMesh) -> None:
        self.mesh = mesh
        self.groups: dict[str, _Mask] = {"all": np.ones(len(mesh.faces), bool)}

    @property
    def centres(self) -> NDArray[np.float64]:
        centres: NDArray[np.float64] = self.mesh.vertices[self.mesh.faces].mean(axis=1)
        return centres

    def split(
        self,
        group: str,
        field: Field,
        positive: str,
        negative: str,
        near: Callable[[NDArray[np.float64]], _Mask] | None = None,
    ) -> None:
        """Parts `group` into the triangles where `field` is positive and those where it is negative.

        near: limits the cut to triangles whose corners all satisfy it; the positive side is then what hangs together
        with the triangles cut off there.
        """
        where = self.groups[group].copy()
        if near is not None:
            where &= near(self.mesh.vertices)[self.mesh.faces].all(axis=1)
        self.mesh, origin, value = cut(self.mesh, field, where)
        self.groups = {name: mask[origin] for name, mask in self.groups.items()}
        cut_off = side_of(self.mesh.faces, value) & where[origin]
        if near is not None:
            behind = where[origin] & ~cut_off
            cut_off = connected_faces(self.mesh.faces, self.groups[group] & ~behind, cut_off)
        self.groups[positive] = self.groups[group] & cut_off
        self.groups[negative] = self.groups[group] & ~cut_off

    def ring_centre(self, one: str, other: str) -> NDArray[np.float64]:
        """Centre, by length, of the curve where two groups meet."""
        ends = self.mesh.vertices[_shared_sides(self.mesh.faces, self.groups[one], self.groups[other])]
        length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        centre: NDArray[np.float64] = (ends.mean(axis=1) * length[:, None]).sum(axis=0) / length.sum()
        return centre


def left_charts(template: TemplateMesh) -> CutMesh:
    """The left half with a part number on every triangle (LEFT_PARTS; torso charts are halves, to be mirrored).

    Seams mark where the charts of hand and foot are cut open inside.
    """
    arm = borders.arm_of(template)
    cutter = _Cutter(left_half(template))
    cutter.split("all", borders.collar, "head", "rest", near=lambda p: (p[:, 1] > 1.3) & (p[:, 0] < 0.13))
    cutter.split("rest", borders.shoulder(), "arm", "body", near=lambda p: (p[:, 1] > 1.2) & (p[:, 0] > 0.1))
    _cut_body(cutter)
    _cut_arm(cutter, template, arm)

    part = np.zeros(len(cutter.mesh.faces), np.uint8)
    for number in LEFT_PARTS:
        part[cutter.groups[str(number) if number != 24 else "head"]] = number
    if (part == 0).any():
        raise ValueError(f"{int((part == 0).sum())} triangles of the template fell into no chart")
    return replace(cutter.mesh, part=part, seam=_chart_seams(cutter, part))


def _cut_body(cutter: _Cutter) -> None:
    cutter.split("body", borders.front, "front", "back")
    up = np.array([0.0, 1.0, 0.0])
    cutter.split("back", borders.plane(np.array([0.0, borders.SEAT_HEIGHT, 0.0]), up), "1", "leg back")
    meeting = _shared_vertices(cutter.mesh.faces, [cutter.groups[g] for g in ("front", "1", "leg back")])
    corner = cutter.mesh.vertices[meeting]
    corner = corner[corner[:, 0].argmax()]
    cutter.split("front", borders.groin(corner), "2", "leg front")
    for side, thigh, lower in (("front", "10", "14"), ("back", "8", "12")):
        knee = borders.plane(np.array([0.0, borders.KNEE_HEIGHT, 0.0]), up)
        cutter.split(f"leg {side}", knee, thigh, f"below knee {side}")
        cutter.split(f"below knee {side}", borders.ankle, lower, f"foot {side}")
    cutter.groups["5"] = cutter.groups["foot front"] | cutter.groups["foot back"]


def _cut_arm(cutter: _Cutter, template: TemplateMesh, arm: borders.Arm) -> None:
    cutter.split("arm", borders.plane(arm.elbow, arm.elbow_normal), "forearm and hand", "upper arm")
    cutter.split("forearm and hand", borders.plane(arm.wrist, arm.wrist_normal), "4", "forearm")
    elbow = cutter.ring_centre("upper arm", "forearm")
    wrist = cutter.ring_centre("forearm", "4")
    upper = _section_centres(cutter, "upper arm", arm.shoulder, elbow)
    fore = _section_centres(cutter, "forearm", elbow, wrist)
    cutter.split("upper arm", arm.upper_inner(upper), "15", "17")
    cutter.split("forearm", arm.fore_inner(fore), "19", "21")
    hand = np.unique(cutter.mesh.faces[cutter.groups["4"]])
    cutter.split("4", back_of_hand(template, arm, wrist, cutter.mesh.vertices[hand]), "back of hand", "palm")


def _section_centres(
    cutter: _Cutter, group: str, start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(9, 3) points from `start` to `end`; those between lie in the middle of the limb."""
    axis = (end - start) / np.linalg.norm(end - start)
    faces = cutter.mesh.faces[cutter.groups[group]]
    points = cutter.mesh.vertices
    depth = (points - start) @ axis
    total = float((end - start) @ axis)
    centres = [start]
    for share in np.linspace(0, 1, 9)[1:-1]:
        sides = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
        d = depth[sides] - share * total
        sides, d = sides[d[:, 0] * d[:, 1] < 0], d[d[:, 0] * d[:, 1] < 0]
        t = (d[:, 0] / (d[:, 0] - d[:, 1]))[:, None]
        ring = points[sides[:, 0]] * (1 - t) + points[sides[:, 1]] * t
        whole = share > 0.35 or group != "upper arm"  # nearer to the shoulder the armpit leaves only part of the ring
        centres.append(0.5 * (ring.min(axis=0) + ring.max(axis=0)) if whole else start + share * (end - start))
    centres.append(end)
    return np.array(centres)


def _chart_seams(cutter: _Cutter, part: NDArray[np.uint8]) -> _Mask:
    """Seams inside charts: MakeHuman's own on the foot, the rim between back and palm on the hand."""
    mesh = cutter.mesh
    seam = mesh.seam & (part == 5)[:, None]
    middle = 0.5 * (mesh.vertices[mesh.faces] + mesh.vertices[np.roll(mesh.faces, -1, axis=1)])
    seam &= (middle[:, :, 1] < 0.08) | (middle[:, :, 2] < -0.03)  # not MakeHuman's own ring round the ankle
    rim = _shared_sides(mesh.faces, cutter.groups["back of hand"], cutter.groups["palm"])
    path = _order(rim, start=_radial_end(cutter, rim))
    height = mesh.vertices[path] @ _fingerward(cutter)
    # the last tip along the rim is the little finger's: from there to the wrist the chart stays whole
    tips = [i for i in range(3, len(path) - 3) if height[i] == height[max(0, i - 12) : i + 13].max()]
    opened = {frozenset(pair) for pair in itertools.pairwise(path[: tips[-1] + 1])}
    for k in range(3):
        a, b = mesh.faces[:, k], mesh.faces[:, (k + 1) % 3]
        hand = np.flatnonzero(part == 4)
        for f in hand[np.isin(a[hand], path) & np.isin(b[hand], path)]:
            seam[f, k] = frozenset((int(a[f]), int(b[f]))) in opened
    return seam


def _fingerward(cutter: _Cutter) -> NDArray[np.float64]:
    wrist = cutter.ring_centre("forearm", "4")
    tip = cutter.mesh.vertices[np.unique(cutter.mesh.faces[cutter.groups["4"]])].mean(axis=0)
    direction: NDArray[np.float64] = (tip - wrist) / np.linalg.norm(tip - wrist)
    return direction


def _radial_end(cutter: _Cutter, rim: NDArray[np.int32]) -> int:
    """The end of the hand's rim at the wrist on the thumb's side (forward, in this pose)."""
    vertex, count = np.unique(rim, return_counts=True)
    ends = vertex[count == 1]
    if len(ends) != 2:
        raise ValueError(f"the border between palm and back of the hand has {len(ends)} ends instead of 2")
    return int(ends[cutter.mesh.vertices[ends, 2].argmax()])


def _order(sides: NDArray[np.int32], start: int) -> list[int]:
    neighbours: dict[int, list[int]] = {}
    for a, b in sides.tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    path, previous = [start], -1
    while True:
        following = [n for n in neighbours[path[-1]] if n != previous and n not in path[-3:]]
        if not following:
            return path
        previous = path[-1]
        path.append(following[0])


def _shared_vertices(faces: NDArray[np.int32], groups: list[_Mask]) -> NDArray[np.int32]:
    common = np.unique(faces[groups[0]])
    for group in groups[1:]:
        common = np.intersect1d(common, faces[group])
    return common


def _shared_sides(faces: NDArray[np.int32], one: _Mask, other: _Mask) -> NDArray[np.int32]:
    """(K, 2) sides with a triangle of `one` on one side and a triangle of `other` on the other."""

    def keys(mask: _Mask) -> NDArray[np.int64]:
        pair = np.sort(faces[mask][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1).astype(np.int64)
        return np.unique(pair[:, 0] << 32 | pair[:, 1])

    key = np.intersect1d(keys(one), keys(other))
    return np.stack([key >> 32, key & 0xFFFFFFFF], axis=1).astype(np.int32)
