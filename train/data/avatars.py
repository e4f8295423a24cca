"""The rigged, clothed VALID avatars: loading, posing, keypoints.

Source of the data: c-frame/valid-avatars-glb (MIT, Tiffany Do et al.), packed on one topology; see the asset's README.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.assets import asset_file, asset_stamp
from densepose_mobile.train.data.hands import FINGERS, FingerJoint
from densepose_mobile.train.data.poses import CANONICAL, Split
from densepose_mobile.train.data.retarget import TWIST_STEPS, Rig, TwistBone
from densepose_mobile.train.data.skinning import SkinWeights

__all__ = ["NUM_WIGS", "Avatar", "AvatarLibrary", "identity_of"]

NUM_WIGS: Final = 10
_FOLDER: Final = "valid_avatars"
_SIDE_NAMES: Final = {"clavicle": "Shoulder", "upperarm": "Arm", "forearm": "ForeArm", "hand": "Hand",
                      "thigh": "UpLeg", "shin": "Leg", "foot": "Foot", "toe": "ToeBase"}  # fmt: skip
_SPINE_NAMES: Final = {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "chest": "Spine2", "neck": "Neck",
                       "head": "Head"}  # fmt: skip


def _joint_name(canonical: str) -> str:
    if canonical in _SPINE_NAMES:
        return _SPINE_NAMES[canonical]
    side, bone = canonical.split("_")
    return {"l": "Left", "r": "Right"}[side] + _SIDE_NAMES[bone]


def identity_of(entry: dict[str, Any]) -> str:
    """The person behind an avatar: the same in all its outfits."""
    return f"{entry['ethnicity']}_{entry['gender']}_{entry['number']}"


@dataclass(frozen=True, eq=False)
class Avatar:
    """One avatar at rest, arrays ready to be skinned."""

    name: str
    entry: dict[str, Any]  # of avatars.json
    vertices: NDArray[np.float32]  # (21355, 3) m, T-pose
    joints: NDArray[np.float32]  # (56, 3) m, T-pose
    weights: SkinWeights
    texture: NDArray[np.uint8]  # (S, S, 3) sRGB
    wig: int  # number of the wig's topology, -1 for none
    wig_vertices: NDArray[np.float32]  # (W, 3) m; empty without a wig
    wig_texture: NDArray[np.uint8]  # (H, W, 3 or 4) sRGB; empty without a wig
    relief: NDArray[np.uint8]  # (R, R, 2) of body and clothes, see geometry.Mesh


class AvatarLibrary:
    """All avatars; the last `keep` used ones stay in memory (about 2 MB each)."""

    def __init__(self, assets: Path, keep: int = 240, texture_size: int = 512) -> None:
        self._assets = assets
        self.stamp = asset_stamp(assets)
        self._keep = keep
        self.texture_size = texture_size
        self._cache: OrderedDict[str, Avatar] = OrderedDict()
        self._weights: dict[int, SkinWeights] = {}
        self._wigs: dict[str, NDArray[np.uint8]] = {}
        with np.load(asset_file(assets, f"{_FOLDER}/common.npz")) as data:
            self._common = {name: data[name] for name in data.files}
        entries = json.loads(asset_file(assets, f"{_FOLDER}/avatars.json").read_text())
        self.entries: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in entries}
        common = self._common
        self.faces = common["faces"].astype(np.int32)  # (42552, 3)
        self.uv_faces = common["uv_faces"].astype(np.int32)  # (42552, 3)
        self.uv = common["uv"].astype(np.float32)  # (22442, 2)
        self.face_group = common["face_group"]  # (42552,) 0 body, 1 left eye, 2 right eye
        self.wig_faces = tuple(common[f"wig{k}_faces"].astype(np.int32) for k in range(NUM_WIGS))
        self.wig_uv = tuple(common[f"wig{k}_uv"].astype(np.float32) for k in range(NUM_WIGS))

    def names(self, split: Split) -> tuple[str, ...]:
        """Avatars of a split: every seventh person, in all outfits, is held out for "val"."""
        people = sorted({identity_of(entry) for entry in self.entries.values()})
        held_out = set(people[3::7])
        return tuple(
            name for name, entry in self.entries.items() if (identity_of(entry) in held_out) == (split == "val")
        )

    @property
    def num_vertices(self) -> int:
        """Vertices of the common topology."""
        return int(self._common["skin_joints"].shape[1])

    @cached_property
    def rig(self) -> Rig:
        """Joints of the avatars, driven by the canonical joints of the motion clips."""
        names = tuple(str(name) for name in self._common["joint_names"])
        canonical = np.full(len(names), -1)
        for index, name in enumerate(CANONICAL):
            canonical[names.index(_joint_name(name))] = index
        twists = tuple(
            TwistBone(names.index(side + bone), names.index(side + child), carry)
            for side in ("Left", "Right")
            for bone, child, carry in (("Arm", "ForeArm", False), ("ForeArm", "Hand", True), ("UpLeg", "Leg", False))
        )
        return Rig(names, self._common["joint_parents"].astype(np.int64), canonical, twists)

    @cached_property
    def finger_joints(self) -> tuple[FingerJoint, ...]:
        """Finger joints with their directions, measured on one avatar (they hardly differ)."""
        joints = self.joints(next(iter(self.entries)))
        found = []
        for side, sign in (("Left", 1), ("Right", -1)):
            for number, finger in enumerate(FINGERS):
                ids = [self.rig.index(f"{side}Hand{finger.capitalize()}{k}") for k in (1, 2, 3)]
                for phalanx, joint in enumerate(ids):
                    low, high = (ids[phalanx], ids[phalanx + 1]) if phalanx < 2 else (ids[1], ids[2])
                    along = joints[high] - joints[low]
                    along = along / np.linalg.norm(along)
                    direction = (float(along[0]), float(along[1]), float(along[2]))
                    found.append(FingerJoint(joint, sign, number, phalanx, direction))
        return tuple(found)

    def joints(self, name: str) -> NDArray[np.float32]:
        """(56, 3) m joints at rest."""
        with np.load(asset_file(self._assets, f"{_FOLDER}/{self.entries[name]['file']}")) as data:
            return np.ascontiguousarray(data["joint_rest"][:, :3, 3], np.float32)

    def vertices(self, name: str) -> NDArray[np.float32]:
        """(21355, 3) m at rest, T-pose."""
        with np.load(asset_file(self._assets, f"{_FOLDER}/{self.entries[name]['file']}")) as data:
            return self._metres(data["verts"])

    def wig_vertices(self, name: str) -> NDArray[np.float32]:
        """(W, 3) m at rest; (0, 3) without a wig."""
        if self.entries[name]["wig_topology"] < 0:
            return np.zeros((0, 3), np.float32)
        with np.load(asset_file(self._assets, f"{_FOLDER}/{self.entries[name]['file']}")) as data:
            return self._metres(data["wig_verts"])

    def picture(self, name: str) -> NDArray[np.uint8]:
        """(S, S, 3) sRGB texture of body and clothes."""
        return self._picture(self.entries[name]["color"])

    def load(self, name: str) -> Avatar:
        """The avatar called `name`."""
        if name in self._cache:
            self._cache.move_to_end(name)
            return self._cache[name]
        if name not in self.entries:
            raise AssetError(f"no avatar called {name!r}; {self._assets / _FOLDER / 'avatars.json'} lists them")
        entry = self.entries[name]
        vertices, joints = self.vertices(name), self.joints(name)
        wig = int(entry["wig_topology"])
        avatar = Avatar(
            name,
            entry,
            vertices,
            joints,
            self._skin_weights(int(entry["skin_variant"]), vertices, joints),
            self.picture(name),
            wig,
            self.wig_vertices(name),
            self._wig_texture(entry["hair_color"]) if wig >= 0 else np.zeros((0, 0, 3), np.uint8),
            self._relief(entry["normal"]),
        )
        self._cache[name] = avatar
        if len(self._cache) > self._keep:
            self._cache.popitem(last=False)
        return avatar

    def _metres(self, steps: NDArray[np.int16]) -> NDArray[np.float32]:
        return (steps.astype(np.float32) * self._common["pos_step"] + self._common["pos_offset"]).astype(np.float32)

    def _skin_weights(self, variant: int, vertices: NDArray[np.float32], joints: NDArray[np.float32]) -> SkinWeights:
        if variant not in self._weights:
            weights = SkinWeights.from_rows(
                self._common["skin_joints"][variant], self._common["skin_weights"][variant].astype(np.float32)
            )
            for number, twist in enumerate(self.rig.twists):
                weights = weights.spread(
                    vertices,
                    twist.joint,
                    joints[twist.joint],
                    joints[twist.child],
                    self.rig.twist_range(number),
                    TWIST_STEPS,
                )
            self._weights[variant] = weights
        return self._weights[variant]

    def _picture(self, file: str) -> NDArray[np.uint8]:
        path = asset_file(self._assets, f"{_FOLDER}/{file}")
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise AssetError(f"{path} is no picture; copy the asset again")
        picture = cv2.resize(picture, (self.texture_size, self.texture_size), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(picture[..., ::-1])

    def _relief(self, file: str) -> NDArray[np.uint8]:
        """(R, R, 2): the normal map without what follows from the rest; its green points up the texture, v down."""
        picture = self._picture(file)
        half = self.texture_size // 2
        small = cv2.resize(picture[..., :2], (half, half), interpolation=cv2.INTER_AREA)
        small[..., 1] = 255 - small[..., 1]
        return np.ascontiguousarray(small)

    def _wig_texture(self, file: str) -> NDArray[np.uint8]:
        if file not in self._wigs:
            picture = self._picture(file)
            self._wigs[file] = np.ascontiguousarray(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA))
        return self._wigs[file]
