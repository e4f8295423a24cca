"""Segments of the body: pieces that labels may only be carried over to themselves and their neighbours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.hands import FINGERS
from densepose_mobile.train.data.poses import CANONICAL
from densepose_mobile.train.data.retarget import TWIST_STEPS, Rig
from densepose_mobile.train.data.skinning import SkinWeights

__all__ = ["ARM_SEGMENTS", "COMPATIBLE", "SEGMENTS", "segments_of"]

_LIMB: Final = ("upperarm", "forearm", "hand", *FINGERS, "thigh", "shin", "foot")
SEGMENTS: Final[tuple[str, ...]] = ("head", "torso", *(f"{side}_{name}" for side in "lr" for name in _LIMB))
"""Pieces of the body that may only be registered to themselves and their neighbours."""

_CHAIN: Final = (("head", "torso"), ("torso", "upperarm"), ("upperarm", "forearm"), ("forearm", "hand"),
                 *(("hand", finger) for finger in FINGERS), ("torso", "thigh"), ("thigh", "shin"),
                 ("shin", "foot"))  # fmt: skip


def _neighbours() -> NDArray[np.bool_]:
    out = np.eye(len(SEGMENTS), dtype=bool)
    for side in "lr":
        for pair in _CHAIN:
            a, b = (SEGMENTS.index(name if name in SEGMENTS else f"{side}_{name}") for name in pair)
            out[a, b] = out[b, a] = True
    return out


ARM_SEGMENTS: Final[tuple[int, ...]] = tuple(
    k for k, name in enumerate(SEGMENTS) if name[2:] in ("upperarm", "forearm", "hand", *FINGERS)
)

COMPATIBLE: Final[NDArray[np.bool_]] = _neighbours()
"""(S, S) segments that meet."""


def _segment_of_joint(rig: Rig) -> NDArray[np.int64]:
    """(J,) index into SEGMENTS of each joint of either rig."""
    out = np.full(len(rig.names), -1)
    for joint, name in enumerate(rig.names):
        lower = name.lower()
        canonical = CANONICAL[rig.canonical[joint]] if rig.canonical[joint] >= 0 else ""
        side = "l" if lower.startswith("left") or lower.endswith(".l") else "r"
        finger = next((f for f in FINGERS if f"hand{f}" in lower), None)
        if lower.startswith("finger"):
            finger = FINGERS[int(lower[6]) - 1]
        if finger is not None:
            out[joint] = SEGMENTS.index(f"{side}_{finger}")
        elif canonical.endswith("toe"):
            out[joint] = SEGMENTS.index(f"{side}_foot")
        elif canonical[2:] in _LIMB:
            out[joint] = SEGMENTS.index(canonical)
        elif canonical in ("head", "neck"):
            out[joint] = SEGMENTS.index("head")
        elif canonical:
            out[joint] = SEGMENTS.index("torso")
        elif rig.parents[joint] >= 0:
            out[joint] = out[rig.parents[joint]]
    return out


def segments_of(rig: Rig, weights: SkinWeights) -> NDArray[np.int64]:
    """(V,) index into SEGMENTS: the segment with most of a vertex's skin weight."""
    of_bone = np.concatenate(
        [
            _segment_of_joint(rig),
            np.repeat(_segment_of_joint(rig)[[twist.joint for twist in rig.twists]], TWIST_STEPS),
        ]
    )
    total = np.zeros((len(weights.start) - 1, len(SEGMENTS)), np.float32)
    np.add.at(total, (weights.rows, of_bone[weights.bone]), weights.weight)
    return total.argmax(1)
