import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.parts import COARSE_NAMES, PART_NAMES
from densepose_mobile.train.data.augment import mirror
from densepose_mobile.train.data.joints import joint_parts
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN_PART

SIZE = 200
STANDING = {
    "nose": (100, 30),
    "left_ear": (112, 30),
    "right_ear": (88, 30),
    "left_shoulder": (125, 60),
    "right_shoulder": (75, 60),
    "left_elbow": (145, 85),
    "right_elbow": (55, 85),
    "left_wrist": (165, 110),
    "right_wrist": (35, 110),
    "left_hip": (115, 110),
    "right_hip": (85, 110),
    "left_knee": (117, 150),
    "right_knee": (83, 150),
    "left_ankle": (117, 190),
    "right_ankle": (83, 190),
}  # someone who faces the camera: the left side is on the right of the picture
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def keypoints(places: dict[str, tuple[float, float]]) -> np.ndarray:
    table = np.zeros((17, 3), np.float32)
    for name, place in places.items():
        table[KEYPOINT_NAMES.index(name)] = (*place, 2)
    return table


def coarse(name: str) -> int:
    return COARSE + COARSE_NAMES.index(name)


def swapped(places: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    other = {"left": "right", "right": "left"}
    return {other.get(name[: name.find("_")], name[: name.find("_")]) + name[name.find("_") :]: place
            for name, place in places.items() if "_" in name}  # fmt: skip


def test_bones_tell_their_limb_and_its_side() -> None:
    codes = joint_parts(keypoints(STANDING), EVERYWHERE)
    assert codes[72, 135] == coarse("left upper arm")
    assert codes[98, 45] == coarse("right lower arm")
    assert codes[130, 84] == coarse("right upper leg")
    assert codes[170, 117] == coarse("left lower leg")
    assert codes[30, 100] == coarse("head")
    assert codes[85, 100] == PART_ONLY + PART_NAMES.index("torso front")
    assert codes[5, 5] == codes[150, 117] == UNKNOWN_PART  # nowhere near; on the border at a knee


def test_whose_left_shoulder_is_on_the_left_shows_the_back() -> None:
    assert joint_parts(keypoints(swapped(STANDING)), EVERYWHERE)[85, 100] == PART_ONLY + PART_NAMES.index("torso back")
    upside_down = {name: (x, SIZE - y) for name, (x, y) in STANDING.items()}
    assert joint_parts(keypoints(upside_down), EVERYWHERE)[115, 100] == PART_ONLY + PART_NAMES.index("torso back")
    narrow = {
        name: (100 + (x - 100) * 0.2, y) for name, (x, y) in STANDING.items() if "shoulder" in name or "hip" in name
    }
    assert joint_parts(keypoints(narrow), EVERYWHERE)[85, 100] == coarse("torso")  # from the side


def test_an_arm_before_the_torso_wins_and_crossing_limbs_are_unknown() -> None:
    crossed = {**STANDING, "left_wrist": (95, 85), "left_elbow": (140, 85)}
    codes = joint_parts(keypoints(crossed), EVERYWHERE)
    assert codes[85, 110] == coarse("left lower arm")
    assert codes[82, 128] != PART_ONLY + PART_NAMES.index("torso front")  # beside the arm
    both = {**crossed, "right_elbow": (60, 100), "right_wrist": (140, 70)}
    codes = joint_parts(keypoints(both), EVERYWHERE)
    assert codes[85, 100] == UNKNOWN_PART
    assert codes[92, 80] == coarse("right lower arm")


def test_nothing_is_told_beyond_the_mask_or_by_hidden_joints() -> None:
    mask = EVERYWHERE.copy()
    mask[:, 100:] = False
    codes = joint_parts(keypoints(STANDING), mask)
    assert (codes[:, 100:] == 0).all()
    assert (codes[:, :100] > 0).all()
    hidden = keypoints(STANDING)
    hidden[:, 2] = 1
    assert (joint_parts(hidden, mask)[mask] == UNKNOWN_PART).all()


@given(st.integers(0, 2**32 - 1))
def test_the_mirrored_joints_tell_the_mirrored_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = {name: tuple(rng.uniform(20, SIZE - 20, 2)) for name in KEYPOINT_NAMES if rng.random() < 0.8}
    table = keypoints(places)
    order = [
        KEYPOINT_NAMES.index(name.replace("left", "*").replace("right", "left").replace("*", "right"))
        for name in KEYPOINT_NAMES
    ]
    flipped = table[order]
    flipped[:, 0] = SIZE - flipped[:, 0]
    labels = np.zeros((SIZE, SIZE, 4), np.uint8)
    labels[..., 0] = joint_parts(table, EVERYWHERE)
    other = joint_parts(flipped, EVERYWHERE)
    assert (mirror(labels)[..., 0] == other).mean() == pytest.approx(1, abs=0.03)  # lines are drawn in whole pixels
