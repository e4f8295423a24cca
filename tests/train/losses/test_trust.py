import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN, UNKNOWN_PART
from densepose_mobile.train.losses.trust import Gate, agrees_with_joints, compatible

SIZE = 40
JOINT = {name: index for index, name in enumerate(KEYPOINT_NAMES)}
LEFT_UPPER_ARM, RIGHT_UPPER_ARM, LEFT_LOWER_ARM, RIGHT_LOWER_ARM = 15, 16, 19, 20
TORSO, LEFT_HAND, RIGHT_HAND = 2, 4, 3


def figure() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A torso with an arm on either side: what a teacher says of it (1, m, m), its silhouette, its joints."""
    part = torch.zeros(1, SIZE, SIZE, dtype=torch.int64)
    part[0, 4:30, 12:28] = TORSO
    part[0, 4:16, 28:34], part[0, 16:26, 28:34], part[0, 26:30, 28:34] = LEFT_UPPER_ARM, LEFT_LOWER_ARM, LEFT_HAND
    part[0, 4:16, 6:12], part[0, 16:26, 6:12], part[0, 26:30, 6:12] = RIGHT_UPPER_ARM, RIGHT_LOWER_ARM, RIGHT_HAND
    keypoints = torch.zeros(1, 17, 3)
    for side, x in (("left", 31), ("right", 9)):
        for joint, y in (("shoulder", 6), ("elbow", 16), ("wrist", 26)):
            keypoints[0, JOINT[f"{side}_{joint}"]] = torch.tensor([x, y, 2.0])
        keypoints[0, JOINT[f"{side}_hip"]] = torch.tensor([20 + (x - 20) / 2, 28, 2.0])
    return part, part > 0, keypoints


def test_who_agrees_is_believed_everywhere_on_the_person() -> None:
    part, person, keypoints = figure()
    assert torch.equal(agrees_with_joints(part, person, keypoints, Gate()), person)


def test_a_limb_whose_joints_disagree_says_nothing() -> None:
    part, person, keypoints = figure()
    part[0, 24:30, 28:34] = RIGHT_HAND  # the left wrist looks like the other one
    trust = agrees_with_joints(part, person, keypoints, Gate())
    assert not trust[part == LEFT_LOWER_ARM].any()  # its wrist disagrees
    assert trust[part == LEFT_UPPER_ARM].all()
    assert trust[part == RIGHT_LOWER_ARM].all()
    assert trust[part == TORSO].all()


def test_who_is_too_often_wrong_says_nothing_at_all() -> None:
    part, person, keypoints = figure()
    mirrored = keypoints.clone()
    for name, index in JOINT.items():
        if name.startswith("left"):
            other = JOINT[name.replace("left", "right")]
            mirrored[0, [index, other]] = keypoints[0, [other, index]]
    assert not agrees_with_joints(part, person, mirrored, Gate()).any()


def test_of_few_joints_nobody_knows() -> None:
    part, person, keypoints = figure()
    keypoints[0, :, 2] = 1
    keypoints[0, [JOINT["left_shoulder"], JOINT["left_elbow"], JOINT["left_wrist"]], 2] = 2
    assert not agrees_with_joints(part, person, keypoints, Gate()).any()
    trust = agrees_with_joints(part, person, keypoints, Gate(joints=3))
    assert trust[part == LEFT_LOWER_ARM].all()
    assert not trust[part == RIGHT_LOWER_ARM].any()  # nothing confirms it


def test_joints_off_the_silhouette_are_not_asked() -> None:
    part, person, keypoints = figure()
    hidden = person.clone()
    hidden[0, 20:, 28:34] = False  # somebody stands before the left wrist
    part[0, 20:, 28:34] = RIGHT_HAND
    trust = agrees_with_joints(part, hidden, keypoints, Gate())
    assert trust[(part == LEFT_LOWER_ARM) & hidden].all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_people_do_not_depend_on_those_beside_them(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    part = torch.randint(0, 25, (3, 12, 12), generator=rng)
    person = torch.rand(3, 12, 12, generator=rng) < 0.7
    keypoints = torch.cat([12 * torch.rand(3, 17, 2, generator=rng), torch.randint(0, 3, (3, 17, 1), generator=rng)], 2)
    gate = Gate(person=0.1, limb=0.3)
    together = agrees_with_joints(part, person, keypoints, gate)
    alone = [agrees_with_joints(part[i : i + 1], person[i : i + 1], keypoints[i : i + 1], gate) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))


def test_what_is_known_is_not_contradicted() -> None:
    codes = torch.tensor([[[0, 2, COARSE + 1, PART_ONLY + 2, UNKNOWN, UNKNOWN_PART]]])

    def allowed(part: int) -> list[bool]:
        return compatible(torch.full_like(codes, part), codes)[0, 0].tolist()

    assert allowed(0) == [True, False, False, False, False, False]
    assert allowed(1) == [False, False, True, False, False, True]  # the back of the torso
    assert allowed(2) == [False, True, True, True, False, True]
    assert allowed(15) == [False, False, False, False, False, True]
    assert np.array(allowed(2)).any()
