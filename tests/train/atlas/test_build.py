"""Writing what was built: the file comes back, bad places are named; the packaged charts do not overlap."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import densepose_mobile.atlas
from densepose_mobile.atlas import Atlas
from densepose_mobile.errors import OutputError
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.train.atlas.command import app
from densepose_mobile.train.atlas.geodesics import Skin, exact_distances
from densepose_mobile.train.atlas.report import vertex_labels
from densepose_mobile.train.atlas.unwrap import Chart, overlap
from densepose_mobile.train.atlas.write import write_atlas


@pytest.fixture(scope="module")
def packaged():
    path = Path(densepose_mobile.atlas.__file__).parent / "atlas.npz"
    assert path.stat().st_size < 6_000_000
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_written_atlas_is_the_same_atlas(packaged, tmp_path):
    arrays = {name: array for name, array in packaged.items() if name != "header"}
    write_atlas(tmp_path / "deep" / "atlas.npz", arrays, json.loads(str(packaged["header"]))["left_nodes"])
    assert Atlas.load(tmp_path / "deep" / "atlas.npz").id == Atlas.load().id
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["atlas.npz"]
    arrays["chart_uv"] = arrays["chart_uv"] * np.float32(0.5)
    write_atlas(tmp_path / "other.npz", arrays, json.loads(str(packaged["header"]))["left_nodes"])
    assert Atlas.load(tmp_path / "other.npz").id != Atlas.load().id


def test_unwritable_place(packaged, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose a writable place"):
        write_atlas(tmp_path / "file" / "atlas.npz", {"vertices": packaged["vertices"]}, 1)


@pytest.mark.parametrize("part", range(1, NUM_PARTS + 1))
def test_no_overlap(part):
    atlas = Atlas.load()
    faces = atlas.chart_faces[atlas.part == part]
    used, inverse = np.unique(faces, return_inverse=True)
    chart = Chart(np.zeros((len(used), 3)), inverse.reshape(-1, 3).astype(np.int32), used, used)
    assert overlap(chart, atlas.chart_uv[used].astype(np.float64), 1024) == 0


def test_geodesics_are_close_to_exact():
    atlas = Atlas.load()
    part, uv = vertex_labels(atlas)
    whole = Skin(atlas.vertices.astype(np.float64), atlas.faces, np.zeros(0, np.int32), 0)
    target = np.arange(0, len(part), 29)
    source = 700
    exact = exact_distances(whole, np.array([source], np.int32))[target]
    here = np.full(len(target), source)
    error = np.abs(atlas.geodesic(part[here], uv[:, here], part[target], uv[:, target]) - exact)
    assert error.mean() < 0.004
    assert np.quantile(error, 0.95) < 0.01


def test_report_is_about_the_packaged_atlas():
    path = Path(__file__).parents[3] / "docs" / "atlas.json"
    told = json.loads(path.read_text())
    assert told["id"] == Atlas.load().id
    assert len(told["charts"]) == NUM_PARTS
    assert all(chart["flipped"] == 0 and chart["overlap"] == 0 for chart in told["charts"].values())


def test_command_line():
    told = CliRunner().invoke(app, ["build", "--help"])
    assert told.exit_code == 0
    assert "--pictures" in told.output
    assert CliRunner().invoke(app, ["build", "--nodes", "3"]).exit_code == 2
