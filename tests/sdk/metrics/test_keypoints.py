import numpy as np
import pytest

from densepose_mobile.metrics.keypoints import (
    JOINT_KAPPA,
    JOINTS,
    KEYPOINT_NAMES,
    LIMB_KEYPOINTS,
    MIRRORED_PARTS,
    PARTS_AT_KEYPOINT,
)
from densepose_mobile.parts import MIRROR, PART_NAMES

WORDS = {
    "nose": ("head",),
    "eye": ("head",),
    "ear": ("head",),
    "shoulder": ("torso", "upper arm"),
    "elbow": ("upper arm", "forearm"),
    "wrist": ("forearm", "hand"),
    "hip": ("torso", "thigh"),
    "knee": ("thigh", "calf", "shin"),
    "ankle": ("calf", "shin", "foot"),
}


@pytest.mark.parametrize("name", KEYPOINT_NAMES)
def test_parts_at_a_joint_are_its_own_side_of_the_right_limbs(name):
    side, _, joint = name.rpartition("_")
    other = {"left": "right", "right": "left"}.get(side, "nobody")
    for part, words in enumerate(PART_NAMES):
        meets = words.startswith(WORDS[joint]) or any(word in words for word in WORDS[joint])
        expected = meets and (joint in ("nose", "eye", "ear") or not words.startswith(other))
        assert PARTS_AT_KEYPOINT[KEYPOINT_NAMES.index(name), part] == expected, words


def test_mirrored_joints_have_mirrored_parts():
    for index, name in enumerate(KEYPOINT_NAMES):
        if name.startswith("left"):
            right = KEYPOINT_NAMES.index(name.replace("left", "right"))
            np.testing.assert_array_equal(PARTS_AT_KEYPOINT[index], PARTS_AT_KEYPOINT[right][MIRROR])
            if index in LIMB_KEYPOINTS:
                np.testing.assert_array_equal(MIRRORED_PARTS[index], PARTS_AT_KEYPOINT[right])
    assert not (PARTS_AT_KEYPOINT & MIRRORED_PARTS).any()
    assert not PARTS_AT_KEYPOINT[:, 0].any()


def test_every_keypoint_is_of_one_joint():
    assert sorted(index for indices in JOINTS.values() for index in indices) == list(range(17))


def test_tolerance_is_the_smallest_that_meets_there():
    assert JOINT_KAPPA[KEYPOINT_NAMES.index("left_wrist")] == pytest.approx(0.107)
    assert JOINT_KAPPA[KEYPOINT_NAMES.index("right_hip")] == pytest.approx(0.237)
