"""Labels of drawn surfaces agree with the atlas, across borders, seams and sizes of triangle."""

from dataclasses import dataclass

import numpy as np
import pytest

from densepose_mobile.atlas import Atlas
from densepose_mobile.train.atlas.labels import SurfaceLabels
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet

ATLAS = Atlas.load()


def shifted_body(stride):
    """Every `stride`th triangle of the body, its corners slid about on the surface so that borders cross triangles."""
    rng = np.random.default_rng(stride)
    faces = ATLAS.faces[::stride]
    corner = ATLAS.vertices[faces].astype(np.float64)
    centre = corner.mean(axis=1, keepdims=True)
    corner = centre + (corner - centre) * rng.uniform(1.0, 2.5, (len(faces), 1, 1))
    part, uv = ATLAS.iuv(corner.reshape(-1, 3))
    canonical = ATLAS.surface_point(part, *uv)
    return Surface(f"body/{stride}", np.arange(len(canonical), dtype=np.int32).reshape(-1, 3), canonical)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    surfaces = SurfaceSet.of([shifted_body(13), shifted_body(29)])
    cache = tmp_path_factory.mktemp("labels")
    return surfaces, SurfaceLabels.build(ATLAS, surfaces, cache), cache


def test_labels_agree_with_the_atlas(labelled):
    surfaces, labels, _ = labelled
    rng = np.random.default_rng(3)
    face = rng.integers(surfaces.num_faces, size=6000).astype(np.int32)
    weight = rng.dirichlet([1, 1, 1], 6000).astype(np.float32)
    part, uv = labels.iuv(face, weight[:, :2])
    corner = surfaces.canonical[surfaces.faces[face]]
    point = (corner * weight[:, :, None]).sum(axis=1)
    truth, true_uv = ATLAS.iuv(point)
    assert (part == truth).mean() > 0.985
    error = ATLAS.geodesic(part, uv, truth, true_uv)
    assert error.mean() < 0.001
    assert np.quantile(error, 0.99) < 0.006


def test_border_faces_have_several_pieces(labelled):
    _, labels, _ = labelled
    crossed = labels.table >= 0
    assert 0.02 < crossed.mean() < 0.5
    # each table names only pieces of its own face
    count = np.diff(np.append(labels.first, len(labels.part)))
    assert (labels.choice[labels.table[crossed]].max(axis=1) < count[crossed]).all()
    assert (count[~crossed] == 1).all()


def test_seams_inside_a_chart_do_not_smear(tmp_path):
    """A triangle across the edge of the hand's chart, thumb side: no U from the middle of the chart in between."""
    thumb_side = np.array([[0.474, 1.05, 0.215], [0.464, 1.022, 0.222]])
    part, uv = ATLAS.iuv(thumb_side)
    assert part.tolist() == [4, 4]
    points = ATLAS.surface_point(part, *uv)
    surface = Surface("thumb", np.array([[0, 1, 2]], np.int32), np.stack([*points, points.mean(axis=0) + 0.002]))
    labels = SurfaceLabels.build(ATLAS, SurfaceSet.of([surface]), tmp_path)
    share = np.linspace(0.02, 0.95, 40, dtype=np.float32)
    found, way = labels.iuv(np.zeros(40, np.int32), np.stack([share, 0.97 - share], axis=1))
    point = share[:, None] * surface.canonical[0] + (0.97 - share)[:, None] * surface.canonical[1]
    assert (np.abs(ATLAS.surface_point(found, *way) - point - 0.03 * surface.canonical[2]) < 0.012).all()


def test_background_shape_and_range(labelled):
    surfaces, labels, _ = labelled
    face = np.full((5, 7), -1, np.int32)
    face[2, 3] = surfaces.num_faces - 1
    part, uv = labels.iuv(face, np.full((5, 7, 2), 0.3, np.float32))
    assert part.shape == (5, 7)
    assert part.dtype == np.uint8
    assert uv.shape == (2, 5, 7)
    assert uv.dtype == np.float32
    assert (part > 0).sum() == 1
    assert not uv[:, face < 0].any()
    rng = np.random.default_rng(0)
    every = np.arange(surfaces.num_faces, dtype=np.int32)
    _, uv = labels.iuv(every, rng.dirichlet([0.2, 0.2, 0.2], len(every))[:, :2])
    assert uv.min() >= 0
    assert uv.max() <= 1


def test_tables_are_kept(labelled, monkeypatch):
    surfaces, labels, cache = labelled
    monkeypatch.setattr("densepose_mobile.train.atlas.labels._build", lambda *_: pytest.fail("built again"))
    again = SurfaceLabels.build(ATLAS, surfaces, cache)
    np.testing.assert_array_equal(again.corner_uv, labels.corner_uv)


@dataclass(frozen=True)
class OneFace:
    """The least that labels ask of surfaces."""

    id: str
    faces: np.ndarray
    canonical: np.ndarray


def test_a_face_collapsed_to_a_point(tmp_path):
    navel = np.repeat(np.array([[0.0, 1.066, 0.131]], np.float32), 3, axis=0)
    one = OneFace("collapsed", np.array([[0, 1, 2]], np.int32), navel)
    labels = SurfaceLabels.build(ATLAS, one, tmp_path)
    part, uv = labels.iuv(np.zeros(1, np.int32), np.array([[0.2, 0.5]], np.float32))
    assert part[0] == 2
    assert np.linalg.norm(ATLAS.surface_point(part, *uv)[0] - navel[0]) < 0.02
