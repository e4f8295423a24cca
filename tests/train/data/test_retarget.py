import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.train.data.poses import CANONICAL, CANONICAL_PARENTS, MIRROR_CANONICAL, REST_OFFSETS
from densepose_mobile.train.data.retarget import TWIST_STEPS, Rig, TwistBone, bone_transforms, joint_rotations
from densepose_mobile.train.data.rotations import about_axis, random_rotations
from densepose_mobile.train.data.skinning import SkinWeights, skin

AT = {name: index for index, name in enumerate(CANONICAL)}
REST = np.zeros((22, 3), np.float32)
for _joint in range(22):
    REST[_joint] = REST_OFFSETS[_joint] + (REST[CANONICAL_PARENTS[_joint]] if _joint else 0)

RIG = Rig(
    CANONICAL,
    CANONICAL_PARENTS,
    np.arange(22),
    (TwistBone(AT["l_forearm"], AT["l_hand"], True), TwistBone(AT["l_upperarm"], AT["l_forearm"], False)),
)


def pose(seed: int, degrees: float) -> np.ndarray:
    return random_rotations(np.random.default_rng(seed), np.full(22, degrees))


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_bones_take_the_directions_of_the_pose(seed: int) -> None:
    rotations = pose(seed, 60)
    _, joints = bone_transforms(RIG, REST, joint_rotations(RIG, rotations))
    for joint in range(1, 22):
        parent = CANONICAL_PARENTS[joint]
        wanted = rotations[parent] @ (REST[joint] - REST[parent])
        assert np.allclose(joints[joint] - joints[parent], wanted, atol=1e-4)


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_a_figure_at_rest_in_an_a_pose_takes_the_same_pose(seed: int) -> None:
    rotations = pose(seed, 50)
    lower = np.broadcast_to(np.eye(3, dtype=np.float32), (22, 3, 3)).copy()
    for name in ("l_upperarm", "l_forearm", "l_hand"):
        lower[AT[name]] = about_axis(np.array([0, 0, 1.0]), -0.8)
    rest = np.zeros_like(REST)
    rest[0] = REST[0]
    for joint in range(1, 22):
        parent = CANONICAL_PARENTS[joint]
        rest[joint] = rest[parent] + lower[parent] @ (REST[joint] - REST[parent])
    turned = joint_rotations(RIG, rotations)
    _, straight = bone_transforms(RIG, REST, turned)
    _, joints = bone_transforms(RIG, rest, turned, straight=lower.transpose(0, 2, 1))
    assert np.allclose(joints - joints[0], straight - straight[0], atol=1e-4)


def test_scale_lengthens_the_bone() -> None:
    scale = np.ones((22, 3), np.float32)
    scale[AT["l_forearm"]] = [1.5, 1, 1]
    _, joints = bone_transforms(RIG, REST, joint_rotations(RIG, pose(3, 40)), scale)
    length = np.linalg.norm(joints[AT["l_hand"]] - joints[AT["l_forearm"]])
    assert np.isclose(length, 1.5 * np.linalg.norm(REST_OFFSETS[AT["l_hand"]]), atol=1e-4)


def test_forearm_shares_the_turn_of_the_hand() -> None:
    rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (22, 3, 3)).copy()
    rotations[AT["l_hand"]] = about_axis(np.array([1.0, 0, 0]), 1.2)
    affine, _ = bone_transforms(RIG, REST, joint_rotations(RIG, rotations))
    first = RIG.twist_range(0)
    for step in range(TWIST_STEPS):
        expected = about_axis(np.array([1.0, 0, 0]), 1.2 * step / (TWIST_STEPS - 1))
        assert np.allclose(affine[first + step, :, :3], expected, atol=1e-3)


def test_skin_follows_its_bones_and_weights_sum_to_one() -> None:
    vertices = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    weights = SkinWeights.from_rows(
        np.tile([AT["l_forearm"], AT["l_hand"]], (50, 1)), np.random.default_rng(1).uniform(0.1, 1, (50, 2))
    )
    spread = weights.spread(
        vertices, AT["l_forearm"], REST[AT["l_forearm"]], REST[AT["l_hand"]], RIG.twist_range(0), TWIST_STEPS
    )
    assert np.allclose(np.bincount(spread.rows, spread.weight), 1, atol=1e-5)
    assert not (spread.bone == AT["l_forearm"]).any()
    still, _ = bone_transforms(RIG, REST, joint_rotations(RIG, pose(0, 0)))
    assert np.allclose(skin(vertices, spread, still), vertices - REST[0], atol=1e-5)


def test_canonical_joints_mirror_onto_themselves() -> None:
    assert np.array_equal(MIRROR_CANONICAL[MIRROR_CANONICAL], np.arange(22))
    assert np.allclose(REST[MIRROR_CANONICAL] * [-1, 1, 1], REST, atol=1e-6)
