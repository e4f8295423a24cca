"""Where a teacher is believed: cells where nothing that is known contradicts it, and limbs whose joints confirm it.

Of rendered people everything is known. Of photos there are silhouettes and some joints, drawn by hand or pseudo-labels:
there a teacher says nothing beyond the silhouette, nothing of a limb that its joints do not confirm, and nothing at all
of a person about whom it is too often wrong.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from densepose_mobile.metrics.keypoints import JOINTS, KEYPOINT_NAMES, PARTS_AT_KEYPOINT
from densepose_mobile.parts import COARSE_NAMES, FINE_TO_COARSE, NUM_PARTS
from densepose_mobile.train.data.targets import UNKNOWN_PART
from densepose_mobile.train.losses.dense import PARTLY_KNOWN

__all__ = ["Gate", "agrees_with_joints", "compatible"]

_VISIBLE: Final = 2
_LEAST_RADIUS: Final = 0.71  # cells; the centre of the cell that a joint lies in is within


@dataclass(frozen=True)
class Gate:
    """How well a teacher must agree with the joints of a photo's person. Shares are least ones."""

    radius: float = 0.03  # of the map's side: how far around a joint is looked
    joint: float = 0.5  # of the person's cells there, on a part that meets at the joint
    limb: float = 0.75  # of a limb's joints that agree
    person: float = 0.7  # of the person's joints that agree
    joints: int = 4  # that are asked; of fewer nobody knows


def _compatible_parts() -> Tensor:
    table = torch.zeros(256, NUM_PARTS + 1, dtype=torch.bool)
    table[: NUM_PARTS + 1] = torch.eye(NUM_PARTS + 1, dtype=torch.bool)
    table[:, 1:] |= PARTLY_KNOWN
    table[UNKNOWN_PART, 1:] = True
    return table


_COMPATIBLE: Final = _compatible_parts()
"""(256, 25) whether a part, 0 background, may lie where the target's code is that of `train.data.targets`."""

_MEETS: Final = torch.from_numpy(PARTS_AT_KEYPOINT.copy())
"""(17, 25) whether the part meets at the joint."""

_ENDS: Final = {
    "torso": ("shoulder", "hip"),
    "head": ("head",),
    "upper arm": ("shoulder", "elbow"),
    "lower arm": ("elbow", "wrist"),
    "hand": ("wrist",),
    "upper leg": ("hip", "knee"),
    "lower leg": ("knee", "ankle"),
    "foot": ("ankle",),
}
"""Joints that confirm a coarse part, or are confirmed by it."""


def _joints_of_parts() -> Tensor:
    table = torch.zeros(len(COARSE_NAMES), len(KEYPOINT_NAMES), dtype=torch.bool)
    for number, name in enumerate(COARSE_NAMES):
        side, _, limb = name.partition(" ")
        sided = side in ("left", "right")
        for joint in _ENDS.get(limb if sided else name, ()):
            for index in JOINTS[joint]:
                table[number, index] = not sided or KEYPOINT_NAMES[index].startswith(side)
    return table


_JOINTS_OF_PART: Final = _joints_of_parts()
"""(15, 17) the joints of each coarse part; none of background."""


def compatible(part: Tensor, codes: Tensor) -> Tensor:
    """(N, m, m) bool: where a part (0 background, 1..24) does not contradict the code of `train.data.targets`.

    part, codes: (N, m, m) int64. Nothing is compatible with what is wholly unknown.
    """
    return _COMPATIBLE.to(part.device)[codes, part]


def agrees_with_joints(part: Tensor, person: Tensor, keypoints: Tensor, gate: Gate) -> Tensor:
    """(N, m, m) bool: cells of people and limbs that their joints confirm.

    part: (N, m, m) int64, the teacher's, 0 background. person: (N, m, m) bool, the known silhouette. keypoints:
    (N, 17, 3) x, y in cells of the map, visibility; only visible ones (2) are asked, and only where the silhouette is
    seen around them.
    """
    size = part.shape[-1]
    centres = torch.arange(size, device=part.device) + 0.5
    across = centres - keypoints[:, :, 0, None]  # (N, 17, m)
    down = centres - keypoints[:, :, 1, None]
    near = torch.hypot(down[..., None], across[:, :, None]) <= max(gate.radius * size, _LEAST_RADIUS)
    near &= person[:, None] & (keypoints[:, :, 2] == _VISIBLE)[..., None, None]
    right = _MEETS.to(part.device)[:, part].transpose(0, 1) & near  # (N, 17, m, m)
    cells = near.sum((2, 3))
    asked = cells > 0
    agrees = asked & (right.sum((2, 3)) >= gate.joint * cells)
    believed = (asked.sum(1) >= gate.joints) & (agrees.sum(1) >= gate.person * asked.sum(1))
    limbs = _JOINTS_OF_PART.to(part.device).float()
    limb_asked, limb_agrees = asked.float() @ limbs.T, agrees.float() @ limbs.T  # (N, 15)
    confirmed = (limb_asked > 0) & (limb_agrees >= gate.limb * limb_asked) & believed[:, None]
    coarse = torch.from_numpy(FINE_TO_COARSE.astype("int64")).to(part.device)[part]
    return confirmed.gather(1, coarse.flatten(1)).view_as(part)
