"""Which pose a person takes: clip frames and rule-made stances, with arms exchanged, mirrored and shaken."""

from typing import Final

import numpy as np

from densepose_mobile.train.data.poses import KINDS, Motions, Pose
from densepose_mobile.train.data.stances import perturb, sample_stance, with_arms, with_new_arms

__all__ = ["KIND_CHANCE", "STANCE_CHANCE", "sample_clip_pose", "sample_pose"]

STANCE_CHANCE: Final = 0.42
"""How often a pose is made from rules rather than taken from a clip."""

KIND_CHANCE: Final = {"upright": 0.36, "reach": 0.17, "stride": 0.17, "bend": 0.12, "crouch": 0.12, "lie": 0.06}
"""What clip frames show, and how often."""

_CHANCE: Final = np.array([KIND_CHANCE[kind] for kind in KINDS])
_NEW_ARM: Final = 0.22  # of the arms of clip frames are set by rules
_OTHER_ARM: Final = 0.2  # of the arms of all poses come from another frame


def sample_pose(rng: np.random.Generator, motions: Motions) -> Pose:
    """A pose for one person."""
    if rng.random() < STANCE_CHANCE:
        pose = sample_stance(rng)
    else:
        pose = motions.sample(rng, _kind(rng))
        for side in "lr":
            if rng.random() < _NEW_ARM:
                rotations = pose.rotations.copy()
                with_new_arms(rotations, rng, side)
                pose = Pose(rotations, pose.air, pose.clip)
    for side in "lr":
        if rng.random() < _OTHER_ARM:
            pose = with_arms(pose, motions.sample(rng, _kind(rng)), side)
    return perturb(pose, rng, float(rng.uniform(0.3, 1.2)))


def sample_clip_pose(rng: np.random.Generator, motions: Motions) -> Pose:
    """A frame of a clip as it is."""
    return motions.sample(rng, _kind(rng))


def _kind(rng: np.random.Generator) -> str:
    return KINDS[int(rng.choice(len(KINDS), p=_CHANCE / _CHANCE.sum()))]
