import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from rendered import FACES_PER_BODY, make_renderer, write_assets

from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.train.data.command import app
from densepose_mobile.train.data.render import Renderer
from densepose_mobile.train.data.rendering import RenderJob
from densepose_mobile.train.data.shards import read_manifest
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny assets, and box people in place of the real ones."""

    def surfaces(job: RenderJob) -> SurfaceSet:
        faces = np.zeros((FACES_PER_BODY, 3), np.int32)
        return SurfaceSet.of([Surface("box", faces, np.zeros((1, 3), np.float32))])

    def renderer(job: RenderJob) -> Renderer:
        return make_renderer(job.assets, job.split, job.size, job.seed)

    monkeypatch.setattr(RenderJob, "surfaces", surfaces)
    monkeypatch.setattr(RenderJob, "renderer", renderer)
    folder = write_assets(tmp_path / "assets")
    (folder / "MANIFEST.json").write_text('{"files": []}')
    return folder


def _render(assets: Path, out: Path, *more: str) -> None:
    arguments = ["render", "--out", str(out), "--count", "5", "--size", "32", "--workers", "1", "--assets", str(assets)]
    outcome = CliRunner().invoke(app, [*arguments, *more], catch_exceptions=False)
    assert outcome.exit_code == 0
    assert outcome.stdout == ""


def test_render_then_inspect(assets: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    _render(assets, out, "--seed", "4", "--split", "val", "--shard-size", "3")
    assert sorted(path.name for path in out.iterdir()) == [
        "manifest.json",
        "pictures-00000000-00000003.tar",
        "pictures-00000003-00000005.tar",
        "surfaces.npz",
    ]
    manifest = read_manifest(out)
    assert (manifest.split, manifest.seed, manifest.size) == ("val", 4, 32)
    assert manifest.surfaces == SurfaceSet.load(out / "surfaces.npz").id
    outcome = CliRunner().invoke(app, ["inspect", str(out), "--out", str(tmp_path / "sheets")], catch_exceptions=False)
    assert outcome.stdout.split() == [str(tmp_path / "sheets" / "sheet-000.jpg")]


def test_refusals_name_the_mend(assets: Path, tmp_path: Path) -> None:
    _render(assets, tmp_path / "shards")
    with pytest.raises(InputError, match="choose another --out"):
        _render(assets, tmp_path / "shards", "--seed", "9")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="choose another --out"):
        _render(assets, tmp_path / "file" / "shards")
    with pytest.raises(InputError, match="render the folder again"):
        read_manifest(tmp_path)
