from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.train.data.hands import FingerJoint, finger_rotations, sample_hand
from densepose_mobile.train.data.motion_mix import sample_pose
from densepose_mobile.train.data.poses import CANONICAL, KINDS, MIRROR_CANONICAL, Motions, joint_positions
from densepose_mobile.train.data.stances import ARM_TARGETS, STANCES, perturb, reach, sample_stance

AT = {name: index for index, name in enumerate(CANONICAL)}


@pytest.fixture(scope="module")
def motions(assets: Path) -> Motions:
    return Motions(assets, "val")


def orthogonal(rotations: np.ndarray) -> bool:
    product = rotations @ rotations.transpose(0, 2, 1)
    return bool(np.allclose(product, np.eye(3), atol=1e-4)) and bool(
        np.allclose(np.linalg.det(rotations), 1, atol=1e-4)
    )


def test_splits_share_no_clip(assets: Path, motions: Motions) -> None:
    train = Motions(assets, "train")
    clips = {name.split(":")[0] for name in motions.names}
    assert clips
    assert clips.isdisjoint(name.split(":")[0] for name in train.names)
    assert len(train) + len(motions) == 11_696
    assert all((train.kind == kind).any() for kind in range(len(KINDS)))


def test_lying_frames_lie_and_reaching_frames_reach(motions: Motions) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert motions.sample(rng, "lie").rotations[AT["chest"], 1, 1] < 0.6
        joints = joint_positions(motions.sample(rng, "reach").rotations[None])[0]
        above = [joints[AT[f"{s}_hand"], 1] - joints[AT[f"{s}_upperarm"], 1] for s in "lr"]
        assert max(above) > 0


def test_mirrored_frame_is_the_mirror_image(motions: Motions) -> None:
    plain, mirrored = motions.pose(5), motions.pose(5, mirror=True)
    joints = joint_positions(np.stack([plain.rotations, mirrored.rotations]))
    assert np.allclose(joints[1], joints[0][MIRROR_CANONICAL] * [-1, 1, 1], atol=1e-5)


def test_sampled_poses_are_rotations_and_repeat(motions: Motions) -> None:
    for seed in range(30):
        first = sample_pose(np.random.default_rng(seed), motions)
        second = sample_pose(np.random.default_rng(seed), motions)
        assert first.clip == second.clip
        assert np.array_equal(first.rotations, second.rotations)
        assert orthogonal(first.rotations)
        assert 0 <= first.air <= 0.45


@pytest.mark.parametrize("name", STANCES)
def test_stances_are_rotations_with_knees_that_bend_back(name: str) -> None:
    for seed in range(10):
        pose = sample_stance(np.random.default_rng(seed), name)
        assert orthogonal(pose.rotations)
        for side in "lr":
            thigh, shin = pose.rotations[AT[f"{side}_thigh"]], pose.rotations[AT[f"{side}_shin"]]
            assert (thigh.T @ shin)[1, 2] < 0.35  # the shin never folds forward over the thigh


def test_seated_hips_are_low_and_standing_hips_high() -> None:
    def height(name: str) -> float:
        joints = [joint_positions(sample_stance(np.random.default_rng(s), name).rotations[None])[0] for s in range(10)]
        return float(np.mean([-min(j[AT["l_foot"], 1], j[AT["r_foot"], 1]) for j in joints]))

    assert height("stand") > 0.8
    assert height("chair") < 0.65
    assert height("tailor") < 0.4


@pytest.mark.parametrize("out", [1.0, -1.0])
def test_reach_brings_the_wrist_to_the_goal(out: float) -> None:
    rng = np.random.default_rng(0)
    for place in [place for _, place, _ in ARM_TARGETS.values()]:
        goal = np.array(place) * [out, 1, 1] * 0.45
        upper, fore = reach(goal, rng.normal(size=3), out)
        assert orthogonal(np.stack([upper, fore]))
        wrist = upper @ [0.27 * out, 0, 0] + fore @ [0.25 * out, 0, 0]
        if np.linalg.norm(goal) > 0.13:
            assert np.allclose(wrist, goal, atol=0.02)


def test_perturb_stays_near() -> None:
    pose = sample_stance(np.random.default_rng(0), "stand")
    shaken = perturb(pose, np.random.default_rng(1), 0.3)
    assert orthogonal(shaken.rotations)
    assert not np.allclose(shaken.rotations, pose.rotations)
    gap = joint_positions(shaken.rotations[None]) - joint_positions(pose.rotations[None])
    assert np.linalg.norm(gap, axis=-1).max() < 0.25


def test_fingers_bend_towards_the_palm() -> None:
    joints = (FingerJoint(0, 1, 1, 1, (1.0, 0.0, 0.0)), FingerJoint(1, -1, 1, 1, (-1.0, 0.0, 0.0)))
    hand = np.full((5, 4), 60.0)
    turns = finger_rotations(joints, hand, hand)
    assert (turns[0] @ [1, 0, 0])[1] < -0.8  # palms are down in the T-pose
    assert (turns[1] @ [-1, 0, 0])[1] < -0.8
    assert sample_hand(np.random.default_rng(0)).shape == (5, 4)
