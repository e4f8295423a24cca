"""From a canonical pose to the bones of a figure: one rotation, scale and place for each bone.

A figure rests in a T-pose (y up, facing +z, left is +x); bone j is turned by the world rotation D_j of its canonical
joint, so no axes are converted. Joints follow p_j = p_parent + D_parent S_parent (rest_j - rest_parent), S the scale.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.poses import CANONICAL
from densepose_mobile.train.data.rotations import about_axis, swing_twist

__all__ = ["TWIST_STEPS", "Rig", "TwistBone", "bone_transforms", "joint_rotations"]

TWIST_STEPS: Final = 4
"""Twist bones of a limb bone: at 0, 1/3, 2/3 and 1 of its length."""


@dataclass(frozen=True)
class TwistBone:
    """A limb bone whose skin is turned gradually along its length.

    `carry_child`: the twist of the next bone is shared too (forearm: the hand's turn); else only the bone's own
    (upper arm, thigh: none at the shoulder, all at the elbow).
    """

    joint: int
    child: int
    carry_child: bool


@dataclass(frozen=True, eq=False)
class Rig:
    """Joints of a figure."""

    names: tuple[str, ...]
    parents: NDArray[np.int64]  # (J,) parents come first; -1 for the root
    canonical: NDArray[np.int64]  # (J,) index into CANONICAL, -1: follows its parent
    twists: tuple[TwistBone, ...] = field(default=())

    @property
    def num_bones(self) -> int:
        """Joints, then TWIST_STEPS for each twist bone."""
        return len(self.names) + TWIST_STEPS * len(self.twists)

    def index(self, name: str) -> int:
        """Number of the joint called `name`."""
        return self.names.index(name)

    def twist_range(self, place: int) -> int:
        """Number of the first bone of twist bone number `place`."""
        return len(self.names) + TWIST_STEPS * place

    def joint_of(self, canonical: str) -> int:
        """The first joint that is driven by the canonical joint of that name."""
        return int(np.flatnonzero(self.canonical == CANONICAL.index(canonical))[0])


def joint_rotations(
    rig: Rig, rotations: NDArray[np.float32], extra: dict[int, NDArray[np.float32]] | None = None
) -> NDArray[np.float32]:
    """World rotations (J, 3, 3) of the rig's joints.

    rotations: (22, 3, 3) of the canonical joints. extra: joint -> rotation (3, 3) relative to its parent (fingers).
    """
    out = np.empty((len(rig.names), 3, 3), np.float32)
    for joint, (parent, source) in enumerate(zip(rig.parents, rig.canonical, strict=True)):
        if source >= 0:
            out[joint] = rotations[source]
        elif extra is not None and joint in extra:
            out[joint] = out[parent] @ extra[joint]
        else:
            out[joint] = out[parent]
    return out


def bone_transforms(
    rig: Rig,
    rest: NDArray[np.float32],
    turned: NDArray[np.float32],
    scale: NDArray[np.float32] | None = None,
    straight: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Affine maps (B, 3, 4) from the rest shape into the world, and posed joints (J, 3) m, the root at the origin.

    rest: (J, 3) m joints at rest. turned: (J, 3, 3) of `joint_rotations`. scale: (J, 3) stretch of each bone along the
    world axes in the T-pose. straight: (J, 3, 3) world rotations from the rest pose to the T-pose, for a figure that
    rests otherwise.
    """
    count = len(rig.names)
    scale = np.ones((count, 3), np.float32) if scale is None else scale
    straight = np.broadcast_to(np.eye(3, dtype=np.float32), (count, 3, 3)) if straight is None else straight
    world = turned @ straight
    stretch = straight.transpose(0, 2, 1) @ (scale[:, :, None] * straight)  # the stretch seen from the rest pose
    linear = world @ stretch
    place = np.zeros((count, 3), np.float32)
    for joint in range(count):
        parent = rig.parents[joint]
        if parent >= 0:
            place[joint] = place[parent] + linear[parent] @ (rest[joint] - rest[parent])
    affine = np.empty((rig.num_bones, 3, 4), np.float32)
    affine[:count, :, :3] = linear
    affine[:count, :, 3] = place - (linear @ rest[..., None])[..., 0]
    for number, twist in enumerate(rig.twists):
        first = rig.twist_range(number)
        steps = _twisted(rig, rest, world, twist) @ stretch[twist.joint]
        affine[first : first + TWIST_STEPS, :, :3] = steps
        affine[first : first + TWIST_STEPS, :, 3] = place[twist.joint] - steps @ rest[twist.joint]
    return affine, place


def _twisted(rig: Rig, rest: NDArray[np.float32], world: NDArray[np.float32], twist: TwistBone) -> NDArray[np.float32]:
    """(TWIST_STEPS, 3, 3) world rotations along a limb bone."""
    axis = (rest[twist.child] - rest[twist.joint]).astype(np.float64)
    axis /= np.linalg.norm(axis)
    above = world[rig.parents[twist.joint]]
    swing, angle = swing_twist(above.T @ world[twist.joint], axis)
    if twist.carry_child:
        angle += swing_twist(world[twist.joint].T @ world[twist.child], axis)[1]
    angles = np.linspace(0, 1, TWIST_STEPS) * angle
    return (above @ swing @ about_axis(np.broadcast_to(axis, (TWIST_STEPS, 3)), angles)).astype(np.float32)
