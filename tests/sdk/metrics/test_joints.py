import numpy as np
import pytest

from densepose_mobile.atlas import Atlas
from densepose_mobile.metrics.joints import implied_keypoints
from densepose_mobile.metrics.keypoints import JOINTS, KEYPOINT_NAMES
from densepose_mobile.results import Person

LEFT_KNEE = KEYPOINT_NAMES.index("left_knee")


def test_a_joint_lies_where_its_surface_is_nearest(atlas) -> None:
    """On the paper atlas a joint is where U is .25 on a part that meets there."""
    part = np.full((20, 40), 10, np.uint8)  # left thigh front
    u = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (20, 1))
    person = Person(
        np.array([100, 50, 140, 70], np.float32), 0.9, part, np.stack([u, u]), np.ones((20, 40), np.float32)
    )
    x, y, score = implied_keypoints(person, atlas)[LEFT_KNEE]
    assert x == pytest.approx(100 + 0.5 + 0.25 * 39, abs=0.3)
    assert y == pytest.approx(60, abs=0.1)
    assert score > 0.95
    nose = implied_keypoints(person, atlas)[0]
    assert nose.tolist() == [120, 60, 0]  # no head is seen


def test_joints_of_the_body_seen_from_the_front() -> None:
    body = Atlas.load()
    scale = 100.0  # px a metre
    rng = np.random.default_rng(0)
    corners = body.vertices[body.faces[rng.integers(len(body.faces), size=60_000)]]
    points = (corners * rng.dirichlet(np.ones(3), 60_000)[:, :, None]).sum(1)
    order = np.argsort(points[:, 2])  # the nearest last
    low = points.min(0)
    column = ((points[order, 0] - low[0]) * scale).astype(int)
    row = ((points[:, 1].max() - points[order, 1]) * scale).astype(int)
    part, uv = body.iuv(points[order])
    maps = np.zeros((row.max() + 1, column.max() + 1), np.uint8)
    places = np.zeros((2, *maps.shape), np.float32)
    for r, c, p, place in zip(row, column, part, uv.T, strict=True):
        maps[r, c], places[:, r, c] = p, place
    box = np.array([0, 0, maps.shape[1], maps.shape[0]], np.float32)
    found = implied_keypoints(Person(box, 1.0, maps, places, (maps > 0).astype(np.float32)), body)
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        for index in JOINTS[joint]:
            ring = body.vertices[body.keypoint_distances[index] < 0.01].mean(0)
            expected = np.array([ring[0] - low[0], points[:, 1].max() - ring[1]]) * scale
            assert np.abs(found[index, :2] - expected).max() < 5, KEYPOINT_NAMES[index]  # 5 cm
            assert found[index, 2] > 0.9
    left, right = (found[KEYPOINT_NAMES.index(f"{side}_eye"), 0] for side in ("left", "right"))
    assert left > found[0, 0] > right
