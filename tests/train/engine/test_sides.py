from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import TruthPerson, TruthPicture
from densepose_mobile.metrics.keypoints import KEYPOINT_MIRROR, KEYPOINT_NAMES
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.engine import sides
from densepose_mobile.train.engine.sides import joint_sides, swapped_joints

LIMBS = [i for i, name in enumerate(KEYPOINT_NAMES) if name.split("_")[-1] in ("elbow", "wrist", "knee", "ankle")]


def joints(seed: int) -> np.ndarray:
    """(17, 3) visible joints, so far apart that none is near to another."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(5)), -1).reshape(-1, 2)[rng.permutation(25)[:17]]
    return np.column_stack([40.0 * grid + rng.uniform(0, 4, (17, 2)), np.full(17, 2)])


@given(seed=st.integers(0, 99), chosen=st.sets(st.sampled_from(LIMBS)))
def test_mirrored_limbs_are_on_the_wrong_side(seed: int, chosen: set[int]) -> None:
    truth = joints(seed)
    pairs = chosen | {int(KEYPOINT_MIRROR[joint]) for joint in chosen}
    placed = truth.copy()
    placed[list(pairs)] = truth[KEYPOINT_MIRROR[list(pairs)]]
    asked, swapped = swapped_joints(placed, truth, 200)
    assert set(np.flatnonzero(asked)) == set(LIMBS)
    assert set(np.flatnonzero(swapped)) == pairs


def test_joints_that_are_hidden_or_far_off_are_not_asked_about() -> None:
    truth = joints(0)
    placed = truth.copy()
    hidden, lost, *_ = LIMBS[::2]
    truth[hidden, 2] = 1
    placed[[lost, KEYPOINT_MIRROR[lost]]] += 1000
    asked, swapped = swapped_joints(placed, truth, 200)
    assert set(LIMBS) - set(np.flatnonzero(asked)) == {hidden, lost, int(KEYPOINT_MIRROR[lost])}
    assert not swapped.any()


@pytest.mark.parametrize("mirrored", [False, True])
def test_people_are_asked_about_in_their_crops(tmp_path: Path, mirrored: bool) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((400, 300, 3), 90, np.uint8))
    mask = np.zeros((400, 300), bool)
    mask[50:350, 100:220] = True
    truth = joints(1) * [0.5, 1.5, 1] + [100, 50, 0]
    person = TruthPerson.from_mask(1, mask, keypoints=truth.astype(np.float32))
    crowd = TruthPerson.from_mask(2, mask, keypoints=truth.astype(np.float32), crowd=True)
    seen: list[tuple[int, ...]] = []

    def keypoints(crops: Tensor) -> Tensor:
        seen.append(tuple(crops.shape))
        side = 300 * ModelSpec().track_margin
        placed = torch.from_numpy((truth[:, :2] - [160 - side / 2, 200 - side / 2]) / side * 64)
        placed = placed[torch.from_numpy(KEYPOINT_MIRROR.copy())] if mirrored else placed
        return torch.cat([placed, torch.ones(17, 1)], 1)[None]

    picture = TruthPicture(1, "a.png", 400, 300, (person, crowd))
    ((wrong, count),) = joint_sides(keypoints, 64, [picture], tmp_path)
    assert seen == [(1, 3, 64, 64)]
    assert (wrong, count) == (8 if mirrored else 0, 8)


def test_what_cannot_be_measured_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no visible limb joint"):
        sides._row([(0.0, 0.0)])
    (tmp_path / "a.json").write_text('{"images": [], "annotations": [], "categories": []}')
    here = {"photos": tmp_path / "a.json", "photo_images": tmp_path, "weights": tmp_path, "out": tmp_path / "b.json"}
    with pytest.raises(InputError, match=r"multipose=100.*NAME=SIZE"):
        sides._main(net=["multipose=100"], student=[], **here)
    with pytest.raises(InputError, match=r"small=.*NAME=WEIGHTS"):
        sides._main(net=[], student=["small="], **here)
