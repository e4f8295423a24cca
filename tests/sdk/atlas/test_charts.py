"""The packaged charts against the public convention: every row of the orientation table, the landmarks, the mirrors."""

import numpy as np
import pytest

from densepose_mobile.atlas import Atlas
from densepose_mobile.atlas.nearest import closest_on_triangles
from densepose_mobile.parts import MIRROR, NUM_PARTS, mirror_iuv

# part: U from, U to, V from, V to (points of the left side), U x V seen from outside
ORIENTATION = {
    1: ("nape", "belt back", "flank", "-flank", "out"),
    2: ("throat pit", "crotch", "flank", "-flank", "in"),
    4: ("index palm", "index back", "hand at wrist", "middle tip", "out"),
    5: ("heel under", "toes under", "sole", "foot top", "out"),
    8: ("buttock", "knee pit above", "thigh inside", "thigh outside", "in"),
    10: ("knee above", "hip front", "thigh outside", "thigh inside", "out"),
    12: ("Achilles", "knee pit below", "leg inside", "leg outside", "out"),
    14: ("knee below", "ankle front", "leg inside", "leg outside", "out"),
    15: ("armpit", "elbow crease above", "upper arm back", "upper arm front", "out"),
    17: ("deltoid", "elbow tip above", "upper arm back", "upper arm front", "in"),
    19: ("wrist palm side", "elbow crease below", "thumb side", "little side", "out"),
    21: ("elbow tip below", "wrist back side", "little side", "thumb side", "in"),
    24: ("nose tip", "back of head", "neck front", "crown", "out"),
}
LANDMARKS = [
    ("navel", 2, 0.66, 0.50),
    ("throat pit", 2, 0.09, 0.47),
    ("nape", 1, 0.12, 0.5),
    ("shoulder tip", 2, 0.06, 0.2),
    ("crotch", 2, 1.0, 0.48),
    ("belt back", 1, 0.90, 0.51),
    ("knee above", 10, 0.1, 0.37),
    ("knee below", 14, 0.05, 0.5),
    ("knee pit above", 8, 0.9, 0.64),
    ("knee pit below", 12, 0.92, 0.6),
    ("elbow tip above", 17, 0.9, 0.45),
    ("elbow tip below", 21, 0.1, 0.5),
    ("elbow crease above", 15, 0.9, 0.6),
    ("elbow crease below", 19, 0.9, 0.3),
    ("wrist back side", 21, 0.93, 0.4),
    ("wrist palm side", 19, 0.03, 0.41),
    ("ankle front", 14, 0.95, 0.49),
    ("Achilles", 12, 0.09, 0.62),
    ("nose tip", 24, 0.0, 0.5),
    ("nose tip", 23, 1.0, 0.5),
    ("mouth", 24, 0.0, 0.4),
    ("eye", 24, 0.18, 0.63),
    ("-eye", 23, 0.79, 0.65),
    ("ear", 24, 0.50, 0.51),
    ("-ear", 23, 0.44, 0.53),
]


@pytest.fixture(scope="module")
def atlas():
    return Atlas.load()


@pytest.fixture(scope="module")
def uv_on(atlas, body_points):
    return lambda part, name: chart_point(atlas, body_points, part, name)


def chart_point(atlas, points, part, name):
    """uv of the point of `part` closest to a named point; "-name" is its mirror, for left parts and head alike."""
    sign = -1.0 if name.startswith("-") else 1.0
    point = np.array(points[name.removeprefix("-")]) * [sign, 1, 1]
    index = np.flatnonzero(atlas.part == part)
    corner = atlas.vertices[atlas.faces[index]].astype(np.float64)
    weight = closest_on_triangles(point, corner[:, 0], corner[:, 1], corner[:, 2])
    gap = np.linalg.norm((corner * weight[:, :, None]).sum(axis=1) - point, axis=1)
    best = gap.argmin()
    assert gap[best] < 0.045, f"{name} lies {gap[best]:.3f} m off part {part}"
    return (atlas.chart_uv[atlas.chart_faces[index[best]]] * weight[best][:, None]).sum(axis=0)


def mirrored_name(name):
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def rows():
    for part, row in ORIENTATION.items():
        yield part, row
        if part > 2:
            low_u, high_u, low_v, high_v, sense = row
            names = [mirrored_name(name) for name in (low_u, high_u, low_v, high_v)]
            if part in (4, 5, 24):  # U is mirrored, so it runs the other way
                names[0], names[1] = names[1], names[0]
            elif part > 2:  # the same (U, V), so the turning is mirrored
                sense = {"in": "out", "out": "in"}[sense]
            yield int(MIRROR[part]), (*names, sense)


@pytest.mark.parametrize(("part", "row"), rows(), ids=lambda value: str(value) if isinstance(value, int) else "")
def test_orientation_table(uv_on, part, row):
    low_u, high_u, low_v, high_v, _ = row
    assert uv_on(part, high_u)[0] - uv_on(part, low_u)[0] > 0.25
    assert uv_on(part, high_v)[1] - uv_on(part, low_v)[1] > 0.25


@pytest.mark.parametrize(("part", "row"), rows(), ids=lambda value: str(value) if isinstance(value, int) else "")
def test_turning_sense_and_no_flip(atlas, part, row):
    a, b, c = np.moveaxis(atlas.chart_uv[atlas.chart_faces[atlas.part == part]].astype(np.float64), 1, 0)
    turning = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    # triangles are counter-clockwise seen from outside the body
    assert (np.sign(turning) == (1 if row[4] == "out" else -1)).all()


def test_hand_and_foot_run_round(uv_on):
    u = [uv_on(4, name)[0] for name in ("thumb palm", "middle palm", "little tip", "middle back", "thumb back")]
    assert np.all(np.diff(u) > 0.05)
    assert abs(u[2] - 0.5) < 0.15
    right = [
        uv_on(3, f"-{name}")[0] for name in ("thumb back", "middle back", "little tip", "middle palm", "thumb palm")
    ]
    assert np.all(np.diff(right) > 0.05)
    v = [uv_on(5, name)[1] for name in ("sole", "foot inside", "foot top", "foot outside")]
    assert np.all(np.diff(v) > 0.05)
    assert v[0] < 0.35
    assert v[-1] > 0.7


@pytest.mark.parametrize(("name", "part", "u", "v"), LANDMARKS, ids=lambda value: str(value))
def test_landmarks(uv_on, name, part, u, v):
    np.testing.assert_allclose(uv_on(part, name), (u, v), atol=0.15)


def test_crown_is_at_the_top(uv_on):
    assert uv_on(24, "crown")[1] >= 0.93
    assert uv_on(23, "crown")[1] >= 0.93


def test_charts_span_the_unit_square(atlas):
    for part in range(1, NUM_PARTS + 1):
        used = atlas.chart_uv[np.unique(atlas.chart_faces[atlas.part == part])]
        np.testing.assert_allclose(used.min(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(used.max(axis=0), 1, atol=1e-6)


def test_the_body_is_closed_and_symmetric(atlas):
    side = np.sort(atlas.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, count = np.unique(side, axis=0, return_counts=True)
    assert (count == 2).all()
    here = {tuple(p) for p in atlas.vertices.tolist()}
    assert {(-x if x else x, y, z) for x, y, z in here} == here
    assert np.ptp(atlas.vertices[:, 1]) == pytest.approx(atlas.height, abs=1e-5)


def test_mirror_rule_is_exact(atlas):
    half = len(atlas.faces) // 2
    np.testing.assert_array_equal(atlas.part[half:], MIRROR[atlas.part[:half]])
    uv = atlas.chart_uv[atlas.chart_faces[:half]].transpose(2, 0, 1)
    mirrored = mirror_iuv(np.repeat(atlas.part[:half, None], 3, axis=1), uv)[1]
    there = atlas.chart_uv[atlas.chart_faces[half:]][:, [0, 2, 1]].transpose(2, 0, 1)
    np.testing.assert_array_equal(mirrored, there)
    left, right = atlas.vertices[atlas.faces[:half]], atlas.vertices[atlas.faces[half:]][:, [0, 2, 1]]
    np.testing.assert_array_equal(left * np.float32([-1, 1, 1]), right)


def meeting(atlas, one, other, keep):
    """uv of `one` along its border with `other`, at vertices that satisfy `keep`."""
    common = np.intersect1d(atlas.faces[atlas.part == one], atlas.faces[np.isin(atlas.part, other)])
    common = common[keep(atlas.vertices[common])]
    row, corner = np.nonzero(np.isin(atlas.faces, common) & (atlas.part == one)[:, None])
    return atlas.chart_uv[atlas.chart_faces[row, corner]]


def test_where_parts_meet(atlas):
    for lower in (12, 14):
        assert meeting(atlas, lower, [26 - lower], lambda p: p[:, 0] > 0.17)[:, 1].min() > 0.7
        assert meeting(atlas, lower, [26 - lower], lambda p: p[:, 0] < 0.14)[:, 1].max() < 0.3
    for upper in (15, 17):
        assert meeting(atlas, upper, [32 - upper], lambda p: p[:, 2] > 0.05)[:, 1].mean() > 0.75
        assert meeting(atlas, upper, [32 - upper], lambda p: p[:, 2] < 0.0)[:, 1].mean() < 0.25
    face = meeting(atlas, 24, [23], lambda p: (p[:, 2] > 0.1) & (p[:, 1] < 1.62))
    assert face[:, 0].max() < 0.2
    nape = meeting(atlas, 24, [23], lambda p: (p[:, 2] < 0) & (p[:, 1] < 1.64))
    assert nape[:, 0].min() > 0.8
    # flank: V about equal on both sides
    flank = [meeting(atlas, part, [3 - part], lambda p: (p[:, 1] < 1.25) & (p[:, 0] > 0))[:, 1] for part in (1, 2)]
    assert abs(flank[0].mean() - flank[1].mean()) < 0.1
