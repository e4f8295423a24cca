"""The outline of each chart: an isometry where the body allows it, gently straightened where the convention asks.

The public charts of torso and limbs are flattened isometrically with free outlines, which is what `flatten` does.
Head and hand are pulled besides: the midlines of face and nape towards upright sides, the fingers towards parallels.
"""

import itertools
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.hand import finger_rays
from densepose_mobile.train.atlas.orient import orient
from densepose_mobile.train.atlas.template import TemplateMesh
from densepose_mobile.train.atlas.unwrap import Chart, flatten, vertex_area

__all__ = ["shape_chart"]

_Pull = Callable[[NDArray[np.float64]], tuple[NDArray[np.int32], NDArray[np.float64]]]

_ROUNDS: Final = 25
_HEAD_PULL: Final = 0.3  # weight of a squared metre against the symmetric Dirichlet energy
_HAND_PULL: Final = 0.05
_PARTING_PULL: Final = 20.0
_GAP: Final = 0.0008  # metres between fingers, on either side of their parting
_SPREAD: Final = np.radians([75, 24, 18, 11, 0])  # thumb to little finger, away from the little finger's edge


def shape_chart(part: int, chart: Chart, template: TemplateMesh) -> NDArray[np.float64]:
    """Flat coordinates (N, 2) in metres, counter-clockwise as seen from outside, in any rotation."""
    flat = flatten(chart, iterations=80)
    if part == 24:
        return _pulled(part, chart, flat, _head_pull(chart), _HEAD_PULL)
    if part == 4:
        flat = _pulled(part, chart, flat, _hand_pull(chart, template), _HAND_PULL)
        return _pulled(part, chart, flat, _parting_pull(chart, axis=1), _PARTING_PULL)
    if part == 5:
        return _pulled(part, chart, flat, _parting_pull(chart, axis=0), _PARTING_PULL)
    return flat


def _pulled(part: int, chart: Chart, flat: NDArray[np.float64], pull: _Pull, strength: float) -> NDArray[np.float64]:
    uv = orient(part, flat, chart.vertices, vertex_area(chart))
    for _ in range(_ROUNDS):
        which, target = pull(uv)
        if not len(which):
            break
        uv = flatten(chart, iterations=3, start=uv, pinned=which, target=target, strength=strength)
    return uv


def _head_pull(chart: Chart) -> _Pull:
    """Face midline towards one upright line, nape and back of the head towards another, collar towards a level one."""
    p = chart.vertices
    rim = p[:, 0] == 0
    crown = p[:, 1].max()
    face = np.flatnonzero(rim & (p[:, 2] > 0.05) & (p[:, 1] < crown - 0.06)).astype(np.int32)
    rear = np.flatnonzero(rim & (p[:, 2] <= 0.05) & (p[:, 1] < crown - 0.06)).astype(np.int32)

    def pull(uv: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        which = np.concatenate([face, rear])
        target = uv[which].copy()
        target[: len(face), 0] = uv[:, 0].min()
        target[len(face) :, 0] = uv[:, 0].max()
        return which, target

    return pull


def _parting_pull(chart: Chart, axis: int) -> _Pull:
    """Keeps neighbouring fingers (toes) apart: each web sends out a ray that the rims beside it are not to cross.

    axis: the coordinate along the fingers, 0 for U, 1 for V.
    """
    import igl

    loop = np.asarray(igl.boundary_loop(chart.faces.astype(np.int64))).ravel()
    held: set[int] = set()

    def pull(uv: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        from scipy.signal import find_peaks

        x, y = uv[loop].T
        turning = (x * np.roll(y, -1) - y * np.roll(x, -1)).sum()
        ring = loop if turning > 0 else loop[::-1]
        ring = np.roll(ring, -int(uv[ring, axis].argmin()))
        along = uv[ring, axis]
        tips, _ = find_peaks(along, prominence=0.006, height=along.min() + 0.6 * np.ptp(along))
        goal: dict[int, NDArray[np.float64]] = {}
        for one, other in itertools.pairwise(tips):
            web = one + int(along[one:other].argmin())
            origin = uv[ring[web]]
            ray = 0.5 * (uv[ring[one]] + uv[ring[other]]) - origin
            ray /= np.linalg.norm(ray)
            left = np.array([-ray[1], ray[0]])
            # the rim runs counter-clockwise, so what comes before the web lies to the right of the ray
            for bank, sign in ((ring[one : web - 1], -1), (ring[web + 2 : other + 1], 1)):
                beyond = sign * ((uv[bank] - origin) @ left)
                ahead = (uv[bank] - origin) @ ray
                for v, side, forward in zip(bank.tolist(), beyond, ahead, strict=True):
                    if side < _GAP or v in held:
                        held.add(v)
                        goal[v] = origin + forward * ray + sign * max(side, 2 * _GAP) * left
        which = np.array(sorted(goal), np.int32)
        return which, np.array([goal[int(v)] for v in which]).reshape(-1, 2)

    return pull


def _hand_pull(chart: Chart, template: TemplateMesh) -> _Pull:
    """Each finger's tip towards where it would be if the finger spread from the middle by its angle alone."""
    fingers = _fingers(chart, template)

    def pull(uv: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        which, target = [], []
        for (tip, base), angle in zip(fingers, _SPREAD, strict=True):
            hinge = np.median(uv[fingers[4][0], 0])
            for sign in (-1, 1):  # palm and back of the hand lie on either side of the little finger
                own_tip, own_base = tip[sign * (uv[tip, 0] - hinge) > 0], base[sign * (uv[base, 0] - hinge) > 0]
                if not len(own_tip) or not len(own_base):
                    continue
                centre = uv[own_base].mean(axis=0)
                reach = np.linalg.norm(uv[own_tip].mean(axis=0) - centre)
                wanted = centre + reach * np.array([sign * np.sin(angle), np.cos(angle)])
                which.append(own_tip)
                target.append(uv[own_tip] + wanted - uv[own_tip].mean(axis=0))
        return np.concatenate(which), np.concatenate(target)

    return pull


def _fingers(chart: Chart, template: TemplateMesh) -> list[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Vertices at the tip and at the base of each finger, thumb first."""
    rays = finger_rays(template, chart.vertices)
    beside, depth = [], []
    for ray in rays:
        length = np.linalg.norm(ray[3] - ray[0])
        axis = (ray[3] - ray[0]) / length
        along = np.clip((chart.vertices - ray[0]) @ axis, 0, length)
        beside.append(np.linalg.norm(chart.vertices - ray[0] - along[:, None] * axis, axis=1))
        depth.append(along / length)
    nearest = np.argmin(beside, axis=0)
    result = []
    for finger in range(5):
        mine = (nearest == finger) & (beside[finger] < 0.02)
        tip = mine & (depth[finger] > 0.7)
        base = mine & (depth[finger] > 0.02) & (depth[finger] < 0.35)
        result.append((np.flatnonzero(tip).astype(np.int32), np.flatnonzero(base).astype(np.int32)))
    return result
