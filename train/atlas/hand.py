"""The border between the back and the palm of the left hand: the rim of a sheet through the bones of the fingers."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.borders import Arm
from densepose_mobile.train.atlas.cutting import Field
from densepose_mobile.train.atlas.template import TemplateMesh

__all__ = ["back_of_hand", "finger_rays"]

_WEB_DEPTH: Final = np.array([0.0, 0.0, 0.009, 0.007, 0.0, 0.0, 0.0])[:, None]  # metres, along each column


def finger_rays(template: TemplateMesh, vertices: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """For thumb to little finger of the left hand: (5, 3) root, two joints, the tip, and a point beyond the tip."""
    rays = []
    for finger in range(1, 6):
        joints = np.array([template.joints[f"finger{finger}-{k}.L"] for k in (1, 2, 3)], np.float64)
        along = joints[2] - joints[1]
        along /= np.linalg.norm(along)
        offset = vertices - joints[2]
        depth = offset @ along
        beside = np.linalg.norm(offset - depth[:, None] * along, axis=1)
        near = (beside < 0.013) & (depth < 0.045)
        last = vertices[near & (depth > depth[near].max() - 0.007)]
        tip = 0.5 * (last.min(axis=0) + last.max(axis=0))
        rays.append(np.concatenate([joints, tip[None], (tip + 0.5 * (tip - joints[2]))[None]]))
    return rays


def back_of_hand(
    template: TemplateMesh, arm: Arm, wrist_centre: NDArray[np.float64], vertices: NDArray[np.float64]
) -> Field:
    """Positive on the back of the hand and fingers, negative on the palm side.

    The field is the height above a sheet spanned by the five finger rays and the wrist, measured along the sheet's
    normals; its zero curve runs along the sides of the fingers, over their tips and through the webs.
    """
    import igl

    rays = finger_rays(template, vertices)
    back = -arm.inner_wrist
    across = np.cross(back, arm.wrist_normal)
    points: list[NDArray[np.float64]] = []
    normals: list[NDArray[np.float64]] = []
    for finger, ray in enumerate(rays):
        root = wrist_centre + across * (0.008 * (finger - 2) * _towards(across, rays))
        line = np.concatenate([[root - 0.03 * arm.wrist_normal, root], ray])
        normal = _ray_normals(line, back, thumb=finger == 0)
        if finger:  # a column between the fingers; at the webs it sinks towards the palm, where their skin edge is
            between = 0.5 * (normal + normals[-1])
            between /= np.linalg.norm(between, axis=1, keepdims=True)
            sink = _WEB_DEPTH * (finger > 1)
            points.append(0.5 * (line + points[-1]) - between * sink)
            normals.append(between)
        points.append(line)
        normals.append(normal)
    count = len(points[0])
    faces = []
    for column in range(len(points) - 1):
        for k in range(count - 1):
            a, b = column * count + k, (column + 1) * count + k
            faces += [(a, a + 1, b), (a + 1, b + 1, b)]
    sheet, sheet_normal, triangles = np.concatenate(points), np.concatenate(normals), np.array(faces, np.int64)

    def field(p: NDArray[np.float64]) -> NDArray[np.float64]:
        _, face, nearest = igl.point_mesh_squared_distance(np.ascontiguousarray(p), sheet, triangles)
        corner = triangles[face]
        weight = igl.barycentric_coordinates(nearest, sheet[corner[:, 0]], sheet[corner[:, 1]], sheet[corner[:, 2]])
        normal = (sheet_normal[corner] * weight[:, :, None]).sum(axis=1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        value: NDArray[np.float64] = ((p - nearest) * normal).sum(axis=1)
        return value

    return field


def _towards(across: NDArray[np.float64], rays: list[NDArray[np.float64]]) -> float:
    return 1.0 if across @ (rays[4][0] - rays[1][0]) > 0 else -1.0


def _ray_normals(line: NDArray[np.float64], back: NDArray[np.float64], thumb: bool) -> NDArray[np.float64]:
    """Unit normals towards the back, one for each point of a finger's line, following the finger's bend."""
    direction = np.gradient(line, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    if thumb:
        bend = (line[4] - line[3]) / np.linalg.norm(line[4] - line[3]) - (line[3] - line[2]) / np.linalg.norm(
            line[3] - line[2]
        )
        outward = 0.75 * back - bend / np.linalg.norm(bend)  # the thumb's joints alone exaggerate its turn
        share = np.array([0.0, 0.0, 0.6, 1.0, 1.0, 1.0, 1.0])[:, None]
        wanted = (1 - share) * back + share * outward
    else:
        wanted = np.broadcast_to(back, line.shape)
    normal = wanted - direction * (wanted * direction).sum(axis=1, keepdims=True)
    result: NDArray[np.float64] = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return result
