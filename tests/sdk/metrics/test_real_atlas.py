"""The measures on the packaged atlas: its distances are what the figures rest on."""

import numpy as np

from densepose_mobile.atlas import Atlas
from densepose_mobile.metrics.keypoints import JOINT_KAPPA, KEYPOINT_NAMES, PARTS_AT_KEYPOINT
from densepose_mobile.metrics.similarity import geodesic_similarity
from densepose_mobile.parts import KAPPA, mirror_iuv


def surface(atlas, count=400):
    points = atlas.vertices[np.random.default_rng(0).choice(len(atlas.vertices), count)]
    return atlas.iuv(points)


def test_right_points_score_one_constant_ones_less_and_mirrored_ones_least():
    atlas = Atlas.load()
    part, uv = surface(atlas)

    def gps(other_part, other_uv):
        return float(geodesic_similarity(atlas.geodesic(other_part, other_uv, part, uv), KAPPA[part]).mean())

    right, constant = gps(part, uv), gps(part, np.full_like(uv, 0.5))
    mirrored = gps(*mirror_iuv(part, uv))
    assert right > 0.99
    assert mirrored < constant < 0.9
    assert mirrored < 0.5


def test_joints_are_near_the_parts_that_meet_there():
    atlas = Atlas.load()
    part, uv = surface(atlas, 3000)
    for keypoint, name in enumerate(KEYPOINT_NAMES):
        distance = atlas.keypoint_distance(np.full(len(part), keypoint), part, uv)
        meets = PARTS_AT_KEYPOINT[keypoint, part]
        assert distance[meets].min() < JOINT_KAPPA[keypoint], name
        assert np.median(distance[meets]) < np.median(distance[~meets]), name
