from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.atlas import Atlas
from densepose_mobile.errors import InputError
from densepose_mobile.train.data.folder import folder_labels
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet


def test_labels_of_a_folder_and_of_a_shard_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    atlas = Atlas.load()
    SurfaceSet.of([Surface("body", atlas.faces[:4], atlas.vertices)]).save(tmp_path / "surfaces.npz")
    shard = tmp_path / "pictures-00000000-00000001.tar"
    shard.touch()
    face, weights = np.arange(4, dtype=np.int32), np.full((4, 2), 1 / 3, np.float32)
    middle = atlas.vertices[atlas.faces[:4]].mean(axis=1)
    for place in (tmp_path, shard):
        part, uv = folder_labels(place).iuv(face, weights)
        np.testing.assert_allclose(atlas.surface_point(part, *uv), middle, atol=0.01)


def test_shards_without_surfaces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"surfaces\.npz is missing.*data render"):
        folder_labels(tmp_path)
