import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rendered import BoxPeople

from densepose_mobile.train.data.framing import FRAMINGS, aim, photograph
from densepose_mobile.train.data.occluders import held_thing, seat, standing_thing, table
from densepose_mobile.train.data.persons import PosedPerson
from densepose_mobile.train.data.scene import Scene, compose, sample_count
from densepose_mobile.train.data.shapes import Texture, ball, box, cutout, ring, stick


def _picture(side: int) -> Texture:
    return np.full((side, side, 3), 128, np.uint8)


def _scene(seed: int, count: int) -> Scene:
    rng = np.random.default_rng(seed)
    people = [BoxPeople().sample(rng) for _ in range(count)]
    return compose(people, 64, rng, {"box": 0}.__getitem__, _picture)


def test_people_stand_on_the_ground_and_do_not_sink_into_each_other() -> None:
    for seed in range(25):
        scene = _scene(seed, 3)
        lows, middles = [], []
        for person in scene.people:
            vertices = person.layers[0].vertices
            lows.append(float(vertices[:, 1].min()))
            middles.append(vertices[:, [0, 2]].mean(axis=0))
        np.testing.assert_allclose(lows, 0, atol=1e-5)
        distance = np.linalg.norm(np.array(middles)[:, None] - np.array(middles)[None], axis=2)
        assert distance[~np.eye(len(middles), dtype=bool)].min(initial=9) > 0.12


def test_keypoints_move_with_the_body() -> None:
    for seed in range(10):
        for person in _scene(seed, 2).people:
            body = person.layers[0].vertices
            assert (person.keypoints[:, [0, 2]].mean(axis=0) > body[:, [0, 2]].min(axis=0)).all()
            assert (person.keypoints[:, [0, 2]].mean(axis=0) < body[:, [0, 2]].max(axis=0)).all()


def test_camera_stays_out_of_people_and_above_ground() -> None:
    for seed in range(25):
        scene = _scene(seed, 2)
        assert scene.camera.position[1] > 0.1
        for person in scene.people:
            body = person.layers[0].vertices
            outside = np.maximum(body.min(axis=0) - scene.camera.position, scene.camera.position - body.max(axis=0))
            assert outside.max() > 0.1


def test_counts_cover_none_to_eight() -> None:
    rng = np.random.default_rng(0)
    shares = np.bincount([sample_count(rng) for _ in range(4000)], minlength=9) / 4000
    assert len(shares) == 9
    assert shares.min() > 0.005
    assert shares[1:].argmax() == 0


def test_groups_stand_shoulder_to_shoulder_half_of_the_time() -> None:
    tight = []
    for seed in range(30):
        scene = _scene(seed, 7)
        assert len(scene.people) >= 3
        middles = np.array([person.keypoints.mean(axis=0) for person in scene.people])[:, [0, 2]]
        distance = np.linalg.norm(middles[:, None] - middles[None], axis=2)
        assert distance[~np.eye(len(middles), dtype=bool)].min() > 0.12
        tight.append(np.ptp(middles[:, 1]) < 2.5 and len(scene.people) == 7)
    assert 0.25 < np.mean(tight) < 0.75


@pytest.mark.parametrize("framing", list(FRAMINGS))
def test_aim_is_at_the_person(framing: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        person = BoxPeople().sample(rng)
        points = person.layers[0].vertices
        focus, span = aim(person, points, framing, rng)
        assert (focus > points.min(axis=0) - 0.3).all()
        assert (focus < points.max(axis=0) + 0.3).all()
        camera = photograph(focus, span, points, 64, rng)
        projected = camera.project(points)
        assert camera.project(focus.astype(np.float32)[None])[0, 2] > 0.3
        if framing != "limb":
            size = float(np.ptp(projected[:, :2], axis=0).max()) / 64
            assert size > 0.03
            assert size < 0.8 or framing != "far"
            assert size > 0.9 or framing != "portrait" or abs(camera.forward[1]) > 0.6


def _sitting(hip: float) -> PosedPerson:
    person = BoxPeople().sample(np.random.default_rng(2))
    keypoints = person.keypoints.copy()
    keypoints[[11, 12], 1], keypoints[[13, 14], 1] = hip, hip
    keypoints[[13, 14], 2] += 0.4
    # A body that hangs over a seat: nothing below the hips.
    body = person.layers[0]
    vertices = body.vertices.copy()
    vertices[:, 1] = np.maximum(vertices[:, 1], hip - 0.08)
    vertices[:, [0, 2]] *= 0.4
    return replace(person, layers=(replace(body, vertices=vertices),), keypoints=keypoints)


def test_who_sits_in_the_air_gets_a_seat() -> None:
    for seed in range(10):
        parts = seat(_sitting(0.5), np.random.default_rng(seed), _picture)
        tops = max(float(part.vertices[:, 1].max()) for part in parts[:1])
        assert 0.35 < tops < 0.5
        assert min(float(part.vertices[:, 1].min()) for part in parts) < 0.03
    assert seat(_sitting(0.05), np.random.default_rng(0), _picture) == []
    assert seat(BoxPeople().sample(np.random.default_rng(0)), np.random.default_rng(0), _picture) == []


def test_things_are_where_they_belong() -> None:
    elbow, wrist = np.array([0.0, 1.2, 0.0]), np.array([0.0, 1.0, 0.2])
    for seed in range(30):
        rng = np.random.default_rng(seed)
        held = np.concatenate([part.vertices for part in held_thing(rng, elbow, wrist, _picture)])
        assert np.linalg.norm(held - wrist, axis=1).min() < 0.8
        assert np.linalg.norm(held.mean(axis=0) - wrist) < 1.2
        stood = np.concatenate([p.vertices for p in standing_thing(rng, np.array([3.0, 0, 1.0]), 1.0, _picture)])
        assert abs(float(stood[:, 1].min())) < 0.05
        assert np.linalg.norm(np.median(stood, axis=0)[[0, 2]] - [3, 1]) < 1.2


def test_shapes_have_their_sizes() -> None:
    skin = _picture(8)
    np.testing.assert_allclose(np.ptp(box((1, 2, 3), skin).vertices, axis=0), [1, 2, 3], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(ball(0.4, skin).vertices, axis=1), 0.4, atol=1e-6)
    np.testing.assert_allclose(np.ptp(stick(1.5, 0.1, skin, sides=8).vertices, axis=0), [0.2, 1.5, 0.2], atol=1e-6)
    np.testing.assert_allclose(np.ptp(ring(0.3, 0.02, skin).vertices, axis=0)[:2], [0.64, 0.64], atol=1e-3)
    card = cutout(0.5, 0.7, skin, np.random.default_rng(0))
    assert card.texture.shape == (8, 8, 4)
    np.testing.assert_allclose(np.ptp(card.vertices, axis=0), [0.5, 0.7, 0], atol=1e-6)


def _at_desk() -> PosedPerson:
    """Somebody who sits, looking along +z, the hands before the belly."""
    person = _sitting(0.5)
    k = np.zeros((17, 3), np.float32)
    k[:5] = (0, 1.25, 0.1)
    k[[5, 6]] = (0.2, 1.05, 0), (-0.2, 1.05, 0)
    k[[7, 8]] = (0.25, 0.85, 0.15), (-0.25, 0.85, 0.15)
    k[[9, 10]] = (0.2, 0.85, 0.45), (-0.2, 0.85, 0.45)
    k[[11, 12]] = (0.1, 0.5, 0), (-0.1, 0.5, 0)
    k[[13, 14]] = (0.1, 0.52, 0.45), (-0.1, 0.52, 0.45)
    k[[15, 16]] = (0.1, 0.05, 0.45), (-0.1, 0.05, 0.45)
    return replace(person, keypoints=k)


def test_a_table_lies_above_the_legs_and_below_the_hands() -> None:
    sat, lain = _at_desk(), _at_desk()
    flat = lain.keypoints.copy()
    flat[:, 1] = 0.1
    tops, ahead = [], []
    for seed in range(40):
        parts = table(sat, np.random.default_rng(seed), _picture)
        if parts:
            tops.append(float(parts[0].vertices[:, 1].max()))
            ahead.append(float(parts[0].vertices[:, 2].min()))
            assert min(float(part.vertices[:, 1].min()) for part in parts) < 0.03  # it stands on the ground
        assert table(replace(lain, keypoints=flat), np.random.default_rng(seed), _picture) == []
    assert len(tops) > 20
    assert min(tops) > 0.55
    assert max(tops) < 0.85
    assert min(ahead) > 0.1


def test_a_table_stands_where_the_chest_looks() -> None:
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)  # +z to +x
    sideways = replace(_at_desk(), keypoints=_at_desk().keypoints @ turn.T)
    found = [parts for seed in range(10) if (parts := table(sideways, np.random.default_rng(seed), _picture))]
    assert found
    assert all(float(parts[0].vertices[:, 0].min()) > 0.1 for parts in found)
