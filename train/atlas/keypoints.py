"""Where the 17 COCO keypoints lie on the body: the regions that keypoint distances are measured from."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import KEYPOINTS
from densepose_mobile.train.atlas.template import TemplateMesh

__all__ = ["keypoint_regions"]

_RINGS: Final[dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "left shoulder": ((1, 2), (15, 17)),
    "left elbow": ((15, 17), (19, 21)),
    "left wrist": ((19, 21), (4,)),
    "left hip": ((1, 2), (8, 10)),
    "left knee": ((8, 10), (12, 14)),
    "left ankle": ((12, 14), (5,)),
}
_NOSE_RADIUS: Final = 0.012  # metres round the tip of the nose
_EYE_RADIUS: Final = 0.014  # round the middle of the eye: the opening between the lids
_EAR_DEPTH: Final = 0.012  # how far the outermost part of the ear reaches inwards


def keypoint_regions(
    template: TemplateMesh, vertices: NDArray[np.float64], faces: NDArray[np.int32], part: NDArray[np.uint8]
) -> dict[str, NDArray[np.int32]]:
    """Vertices (K,) of the cut mesh in the region of each midline or left keypoint.

    Joints: all vertices on the ring where the two body parts meet. Nose, eye, ear: a small patch of skin.
    """
    regions: dict[str, NDArray[np.int32]] = {}
    for name, (one, other) in _RINGS.items():
        meeting = np.intersect1d(faces[np.isin(part, one)], faces[np.isin(part, other)])
        regions[name] = meeting[vertices[meeting, 0] >= 0].astype(np.int32)
    head = np.unique(faces[np.isin(part, (23, 24))])
    tip = head[vertices[head, 2].argmax()]
    regions["nose"] = head[_within(vertices[head], vertices[tip], _NOSE_RADIUS)].astype(np.int32)
    eye = template.vertices[(template.component == 2) & (template.vertices[:, 0] > 0)]
    front = eye[eye[:, 2].argmax()].astype(np.float64)
    middle = np.array([eye[:, 0].mean(), eye[:, 1].mean(), front[2]])
    regions["left eye"] = head[_within(vertices[head], middle, _EYE_RADIUS)].astype(np.int32)
    outermost = vertices[head, 0].max()
    regions["left ear"] = head[vertices[head, 0] > outermost - _EAR_DEPTH].astype(np.int32)
    missing = [name for name in KEYPOINTS if not name.startswith("right") and not len(regions[name])]
    if missing:
        raise ValueError(f"no vertices in the regions of {', '.join(missing)}")
    return regions


def _within(points: NDArray[np.float64], centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.linalg.norm(points - centre, axis=1) < radius
    return near
