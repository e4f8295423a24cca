"""What both sources of people share: the 17 keypoints, and putting a posed figure on the ground."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.retarget import Rig

__all__ = ["FaceMarks", "joint_scales", "keypoints", "stand"]

_BODY_KEYPOINTS: Final = ("upperarm", "forearm", "hand", "thigh", "shin", "foot")


@dataclass(frozen=True)
class FaceMarks:
    """Vertices of the keypoints of the head."""

    nose: int
    eyes: tuple[int, int]  # left, right: in front of the pupils
    ears: tuple[int, int]  # left, right

    @property
    def vertices(self) -> list[int]:
        """In COCO order: nose, left eye, right eye, left ear, right ear."""
        return [self.nose, *self.eyes, *self.ears]


def keypoints(
    rig: Rig, joints: NDArray[np.float32], body: NDArray[np.float32], marks: FaceMarks
) -> NDArray[np.float32]:
    """(17, 3) m COCO keypoints from posed joints (J, 3) and body vertices (V, 3)."""
    limbs = [rig.joint_of(f"{side}_{name}") for name in _BODY_KEYPOINTS for side in "lr"]
    return np.concatenate([body[marks.vertices], joints[limbs]]).astype(np.float32)


def joint_scales(rig: Rig, build: NDArray[np.float32]) -> NDArray[np.float32]:
    """(J, 3) scales of a rig's joints from those of the canonical joints (22, 3); the others follow their parents."""
    out = np.ones((len(rig.names), 3), np.float32)
    for joint, source in enumerate(rig.canonical):
        if source >= 0:
            out[joint] = build[source]
        elif rig.parents[joint] >= 0:
            out[joint] = out[rig.parents[joint]]
    return out


def stand(
    meshes: list[NDArray[np.float32]], joints: NDArray[np.float32], points: NDArray[np.float32], air: float
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Meshes (V, 3) and keypoints shifted so that the root is at x = z = 0 and the lowest vertex at y = `air` m."""
    lowest = min(float(mesh[:, 1].min()) for mesh in meshes)
    shift = np.array([-joints[0, 0], air - lowest, -joints[0, 2]], np.float32)
    return [mesh + shift for mesh in meshes], points + shift
