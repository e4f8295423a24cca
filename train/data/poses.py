"""Frames of motion clips as world rotations away from a T-pose, and which of them to show how often.

Frame: metres, y up, the T-pose faces +z, left is +x. A pose drives any T-pose figure: R_j = D_j R_rest_j.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.assets import asset_file
from densepose_mobile.train.data.rotations import from_quaternions, mirror_rotations

__all__ = ["CANONICAL", "CANONICAL_PARENTS", "KINDS", "MIRROR_CANONICAL", "REST_OFFSETS", "Motions", "Pose", "Split"]

Split = Literal["train", "val"]

_SIDE: Final = ("clavicle", "upperarm", "forearm", "hand", "thigh", "shin", "foot", "toe")
CANONICAL: Final[tuple[str, ...]] = (
    *("pelvis", "spine1", "spine2", "chest", "neck", "head"),
    *(f"{side}_{name}" for side in "lr" for name in _SIDE),
)
"""The 22 joints that every clip and every figure is reduced to."""

_PARENT_NAME: Final = {"clavicle": "chest", "upperarm": "clavicle", "forearm": "upperarm", "hand": "forearm",
                       "thigh": "pelvis", "shin": "thigh", "foot": "shin", "toe": "foot"}  # fmt: skip


def _parent(name: str) -> int:
    if name in CANONICAL[:6]:
        return CANONICAL.index(name) - 1
    side, bone = name.split("_")
    above = _PARENT_NAME[bone]
    return CANONICAL.index(above if above in CANONICAL else f"{side}_{above}")


CANONICAL_PARENTS: Final[NDArray[np.int64]] = np.array([_parent(name) for name in CANONICAL])
MIRROR_CANONICAL: Final[NDArray[np.int64]] = np.array(
    [CANONICAL.index({"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]) for name in CANONICAL]
)

_LEFT_OFFSETS: Final = {
    "clavicle": (0.02, 0.13, 0.02), "upperarm": (0.16, 0.0, -0.02), "forearm": (0.27, 0.0, 0.0),
    "hand": (0.25, 0.0, 0.0), "thigh": (0.09, -0.05, 0.0), "shin": (0.0, -0.42, 0.0), "foot": (0.0, -0.41, 0.0),
    "toe": (0.0, -0.06, 0.13),
}  # fmt: skip
_SPINE_OFFSETS: Final = ((0, 0.95, 0), (0, 0.10, 0), (0, 0.12, 0), (0, 0.12, 0), (0, 0.20, -0.01), (0, 0.10, 0.02))


def _offsets() -> NDArray[np.float32]:
    limbs = [_LEFT_OFFSETS[name] for name in _SIDE]
    return np.array(
        [*_SPINE_OFFSETS, *limbs, *((-x, y, z) for x, y, z in limbs)],
        np.float32,
    )


REST_OFFSETS: Final[NDArray[np.float32]] = _offsets()
"""(22, 3) m: joint minus parent joint of a middling adult in the T-pose; to judge poses, not to draw."""

KINDS: Final[tuple[str, ...]] = ("upright", "reach", "stride", "bend", "crouch", "lie")
"""What a frame shows: arms low and legs close; a hand above the shoulder; legs apart or lifted; torso bent; hips low;
torso level or upside down."""

_FILES: Final = ("cmu_iclone", "cmu_actions", "mesh2motion", "deepmimic", "makehuman_poses")
_HELD_OUT: Final = 0.15  # of the clips, for "val"
_AIR: Final = ("jump", "flip", "spinkick", "Jump", "fly", "jete", "shoot")
_MAX_AIR: Final = 0.45  # m


@dataclass(frozen=True, eq=False)
class Pose:
    """One pose for any figure."""

    rotations: NDArray[np.float32]  # (22, 3, 3) world rotation of each canonical joint away from the T-pose
    air: float  # m, height of the lowest point above the ground, for a figure of 1.7 m
    clip: str  # "cmu_002_01:17"; mirrored frames end with "m"


def joint_positions(rotations: NDArray[np.float32]) -> NDArray[np.float32]:
    """Canonical joints (N, 22, 3) m of poses (N, 22, 3, 3), the pelvis at the origin."""
    out = np.zeros((len(rotations), len(CANONICAL), 3), np.float32)
    for joint in range(1, len(CANONICAL)):
        parent = CANONICAL_PARENTS[joint]
        out[:, joint] = out[:, parent] + rotations[:, parent] @ REST_OFFSETS[joint]
    return out


class Motions:
    """All frames of the clips of one split."""

    def __init__(self, assets: Path, split: Split = "train") -> None:
        rotations, air, names = [], [], []
        for file in _FILES:
            for clip, turned, lift in _read(asset_file(assets, f"poses/{file}.npz")):
                if _held_out(clip) == (split == "val"):
                    rotations.append(turned)
                    air.append(lift)
                    names += [f"{clip}:{index}" for index in range(len(turned))]
        if not rotations:
            raise AssetError(f"no motion clips of split {split!r} in {assets / 'poses'}; copy the asset folder again")
        self.rotations: NDArray[np.float32] = np.concatenate(rotations)  # (N, 22, 3, 3)
        self.air: NDArray[np.float32] = np.concatenate(air)  # (N,) m
        self.names = names
        positions = joint_positions(self.rotations)
        self.kind = frame_kinds(self.rotations, positions)  # (N,) index into KINDS
        rarity = _rarity(self.rotations, positions)
        self._frames = [np.flatnonzero(self.kind == kind) for kind in range(len(KINDS))]
        self._cumulative = [np.cumsum(rarity[frames]) for frames in self._frames]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.names)

    def sample(self, rng: np.random.Generator, kind: str) -> Pose:
        """A frame of one of KINDS; rare frames come more often than their number; half of them are mirrored."""
        index = KINDS.index(kind)
        cumulative = self._cumulative[index]
        draw, flip = rng.random(2)
        if not len(cumulative):
            raise AssetError(f"no frame of kind {kind!r} among {len(self)} frames; use more motion clips")
        place = min(int(np.searchsorted(cumulative, draw * cumulative[-1], side="right")), len(cumulative) - 1)
        return self.pose(int(self._frames[index][place]), mirror=bool(flip < 0.5))

    def pose(self, frame: int, mirror: bool = False) -> Pose:
        """Frame number `frame`, as it is or mirrored."""
        rotations = self.rotations[frame]
        if mirror:
            rotations = mirror_rotations(rotations[MIRROR_CANONICAL])
        return Pose(rotations, float(self.air[frame]), self.names[frame] + ("m" if mirror else ""))


def _held_out(clip: str) -> bool:
    return int(hashlib.sha256(clip.encode()).hexdigest()[:8], 16) / 2**32 < _HELD_OUT


def _read(path: Path) -> list[tuple[str, NDArray[np.float32], NDArray[np.float32]]]:
    """Of each clip: name, world rotations (N, 22, 3, 3), height above the ground (N,)."""
    with np.load(path) as data:
        parents, quats, offsets = data["parents"], data["quats"], data["offsets"]
        found = dict(zip(map(str, data["canonical_names"]), data["canonical_joint"], strict=True))
        local = from_quaternions(quats)
        world = local.copy()
        for joint in range(1, len(parents)):
            world[:, joint] = world[:, parents[joint]] @ local[:, joint]
        turned = np.empty((len(world), len(CANONICAL), 3, 3), np.float32)
        for joint, name in enumerate(CANONICAL):
            source = int(found.get(name, -1))
            turned[:, joint] = world[:, source] if source >= 0 else turned[:, CANONICAL_PARENTS[joint]]
        if found.get("neck", -1) < 0:  # a clip that turns only the head: let the neck share it
            turned[:, 4] = _halfway(turned[:, 3], turned[:, 5])
        height = _lowest(world, data["root_pos"], parents, offsets, data)
        clips = []
        for clip, start, length in zip(data["clip_name"], data["clip_start"], data["clip_len"], strict=True):
            frames = slice(int(start), int(start) + int(length))
            clips.append((str(clip), turned[frames], _lift(str(clip), height[frames])))
        return clips


def _halfway(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    left, _, right = np.linalg.svd((first + second).astype(np.float64))
    return (left @ right).astype(np.float32)


def _lowest(
    world: NDArray[np.float32],
    root: NDArray[np.float32],
    parents: NDArray[np.int16],
    offsets: NDArray[np.float32],
    data: "np.lib.npyio.NpzFile",
) -> NDArray[np.float32]:
    skeleton = np.repeat(data["clip_skeleton"], data["clip_len"])
    points = np.zeros((len(world), len(parents), 3), np.float32)
    points[:, 0] = root
    for joint in range(1, len(parents)):
        parent = parents[joint]
        points[:, joint] = points[:, parent] + np.einsum("nij,nj->ni", world[:, parent], offsets[skeleton, joint])
    return points[..., 1].min(1)


def _lift(clip: str, height: NDArray[np.float32]) -> NDArray[np.float32]:
    if not any(word in clip for word in _AIR) or len(height) < 4:
        return np.zeros_like(height)
    lift = height - np.quantile(height, 0.3)
    return np.where(lift > 0.06, np.clip(lift, 0, _MAX_AIR), 0).astype(np.float32)


def frame_kinds(rotations: NDArray[np.float32], positions: NDArray[np.float32]) -> NDArray[np.int64]:
    """Index into KINDS of poses (N, 22, 3, 3) with joints (N, 22, 3): the rarest kind that applies."""
    at = {name: index for index, name in enumerate(CANONICAL)}
    up = rotations[:, at["chest"], 1, 1]  # cosine of the chest's tilt
    leg = -float(REST_OFFSETS[[at["l_shin"], at["l_foot"]], 1].sum())
    feet = positions[:, [at["l_foot"], at["r_foot"]], 1]
    hips_low = -feet.min(1) < 0.72 * leg
    wide = np.linalg.norm(positions[:, at["l_foot"]] - positions[:, at["r_foot"]], axis=-1) > 0.62
    lifted = np.abs(feet[:, 0] - feet[:, 1]) > 0.28
    hands = positions[:, [at["l_hand"], at["r_hand"]], 1] - positions[:, [at["l_upperarm"], at["r_upperarm"]], 1]
    kind = np.zeros(len(rotations), np.int64)
    kind[hands.max(1) > 0.02] = KINDS.index("reach")
    kind[wide | lifted] = KINDS.index("stride")
    kind[up < np.cos(np.radians(35))] = KINDS.index("bend")
    kind[hips_low] = KINDS.index("crouch")
    kind[(up < np.cos(np.radians(62))) & (rotations[:, 0, 1, 1] < np.cos(np.radians(50)))] = KINDS.index("lie")
    return kind


def _rarity(
    rotations: NDArray[np.float32], positions: NDArray[np.float32], neighbours: int = 24
) -> NDArray[np.float64]:
    """Sampling weights (distance to the k-th neighbour)^2: they even out how densely clips fill the space of poses."""
    from scipy.spatial import cKDTree

    pelvis = rotations[:, :1].transpose(0, 1, 3, 2)
    inner = (pelvis @ positions[:, 1:, :, None])[..., 0].reshape(len(rotations), -1)
    space = np.concatenate([inner, 0.5 * rotations[:, 0, 1]], 1)  # the row of "up" in the pelvis's frame
    space = space - space.mean(0)
    _, _, axes = np.linalg.svd(space[:: max(1, len(space) // 3000)], full_matrices=False)
    space = space @ axes[:10].T
    count = min(neighbours, len(space) - 1)
    distance = cKDTree(space).query(space, k=count + 1)[0][:, -1]
    return np.asarray(distance, np.float64) ** 2 + 1e-4
