"""A posed, dressed person: what a scene draws and what its truth is made from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layer", "PosedPerson"]


@dataclass(frozen=True, eq=False)
class Layer:
    """One drawn mesh: body, wig, garment or shoe. Its faces are those of the surface, so face index = label index."""

    surface: str  # name in the SurfaceSet
    vertices: NDArray[np.float32]  # (V, 3) m, world: y up, ground y = 0, the person stands at x = z = 0
    faces: NDArray[np.int32]  # (F, 3) the surface's faces
    uv_faces: NDArray[np.int32]  # (F, 3) indices into uv
    uv: NDArray[np.float32]  # (T, 2) 0..1, u right, v down from the top of the texture; may lie outside: repeat
    texture: NDArray[np.uint8]  # (H, W, 3) sRGB, or (H, W, 4) with alpha
    double_sided: bool = False  # else back faces may be culled
    hidden_faces: NDArray[np.bool_] | None = None  # (F,) faces that are not drawn (skin under clothes)
    relief: NDArray[np.uint8] | None = None  # (h, w, 2) folds and creases, see geometry.Mesh


@dataclass(frozen=True, eq=False)
class PosedPerson:
    """A person in the world: y up, lowest point on the ground y = 0 unless in the air, root at x = z = 0."""

    kind: str  # "valid" or "anny"
    identity: str  # avatar name, or name of the body shape
    layers: tuple[Layer, ...]
    keypoints: NDArray[np.float32]  # (17, 3) m, world, COCO order
    height_m: float  # standing height
    clip: str  # motion clip and frame, "cmu_002_01:17"
