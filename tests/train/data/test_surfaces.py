from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet


def two() -> SurfaceSet:
    rng = np.random.default_rng(0)
    return SurfaceSet.of(
        [
            Surface("a", np.array([[0, 1, 2], [2, 1, 3]], np.int32), rng.normal(size=(4, 3)).astype(np.float32)),
            Surface("b", np.array([[0, 1, 2]], np.int32), rng.normal(size=(3, 3)).astype(np.float32)),
        ]
    )


def test_round_trip_keeps_content_and_id(tmp_path: Path) -> None:
    surfaces = two()
    surfaces.save(tmp_path / "surfaces.npz")
    read = SurfaceSet.load(tmp_path / "surfaces.npz")
    assert read.id == surfaces.id
    assert [surface.name for surface in read] == ["a", "b"]
    assert np.array_equal(read.faces, surfaces.faces)
    assert np.array_equal(read.canonical, surfaces.canonical)
    assert list(tmp_path.iterdir()) == [tmp_path / "surfaces.npz"]  # nothing half-written is left


def test_global_faces_index_global_vertices() -> None:
    surfaces = two()
    assert surfaces.num_faces == 3
    assert surfaces.face_offset("b") == 2
    assert surfaces.faces[2].tolist() == [4, 5, 6]
    point = surfaces.canonical_points(np.array([2], np.int32), np.array([[0.0, 1.0]], np.float32))
    assert np.allclose(point[0], surfaces["b"].canonical[1])


def test_id_follows_content() -> None:
    surfaces = two()
    moved = SurfaceSet.of([surfaces["a"], Surface("b", surfaces["b"].faces, surfaces["b"].canonical + 0.001)])
    assert moved.id != surfaces.id
    assert SurfaceSet.of([surfaces["b"], surfaces["a"]]).id != surfaces.id


def test_bad_surfaces_are_refused(tmp_path: Path) -> None:
    points = np.zeros((3, 3), np.float32)
    with pytest.raises(InputError, match="exceed"):
        Surface("a", np.array([[0, 1, 3]], np.int32), points)
    with pytest.raises(InputError, match="twice"):
        SurfaceSet((Surface("a", np.array([[0, 1, 2]], np.int32), points),) * 2)
    with pytest.raises(InputError, match="no surface called"):
        two()["c"]
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(InputError, match="no surface set"):
        SurfaceSet.load(tmp_path / "text.npz")
