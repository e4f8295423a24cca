"""Bodily variety by stretching bones: height, length of limbs, girth. One scale (3,) for each canonical joint."""

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.poses import CANONICAL

__all__ = ["sample_build"]

_TORSO = [CANONICAL.index(name) for name in ("pelvis", "spine1", "spine2", "chest")]
_BELLY = [CANONICAL.index(name) for name in ("pelvis", "spine1", "spine2")]


def _both(name: str) -> list[int]:
    return [CANONICAL.index(f"l_{name}"), CANONICAL.index(f"r_{name}")]


def sample_build(rng: np.random.Generator, strength: float = 1.0) -> NDArray[np.float32]:
    """(22, 3) stretch along x, y, z of a T-pose figure (arms along x, legs and trunk along y), before the pose.

    strength: 1 for grown figures that are to become slim or stout, tall or short; 0 leaves the figure as it is.
    """
    size, fat, arm, leg, trunk, limb, depth, shoulder, head = rng.normal(size=9)
    size = 1 + strength * np.clip(0.055 * size, -0.14, 0.12)
    fat = np.exp(strength * np.clip(0.13 * fat, -0.2, 0.36))
    scale = np.full((len(CANONICAL), 3), size)
    arm_length = 1 + strength * 0.035 * arm
    leg_length = 1 + strength * 0.04 * leg
    girth = fat**0.75 * (1 + strength * 0.05 * limb)
    for name in ("upperarm", "forearm"):
        scale[_both(name)] *= [arm_length, girth if name == "upperarm" else girth**0.7, girth**0.85]
    scale[_both("clavicle")] *= [1 + strength * 0.03 * shoulder, 1.0, 1.0]
    for name in ("thigh", "shin"):
        wide = girth if name == "thigh" else girth**0.7
        scale[_both(name)] *= [wide, leg_length, wide]
    width = fat**0.55
    scale[_TORSO] *= [width, 1 + strength * 0.03 * trunk, fat**0.8 * (1 + strength * 0.04 * depth)]
    scale[_BELLY] *= [1.0, 1.0, max(fat, 1.0) ** 0.6]
    scale[CANONICAL.index("neck")] *= [fat**0.35, 1.0, fat**0.35]
    scale[CANONICAL.index("head")] *= (1 + strength * 0.03 * head) * np.array([fat**0.15, 1.0, fat**0.1])
    for name in ("hand", "foot", "toe"):
        scale[_both(name)] *= (1 + strength * 0.02 * limb) * fat**0.12
    return scale.astype(np.float32)
