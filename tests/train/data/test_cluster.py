import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rendered import make_renderer, write_assets

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.cluster import render_on_cluster
from densepose_mobile.train.data.rendering import render_shards
from densepose_mobile.train.data.shards import ShardFolder, ShardManifest

HERE = str(Path(__file__).parent)
MANIFEST = ShardManifest("abc", "train", 3, 32, 16)


def test_two_workers_of_which_one_is_killed_lose_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    assets, workers = write_assets(tmp_path / "assets"), tmp_path / "workers"
    workers.mkdir()

    def make() -> object:  # pickled by value, and run by a worker
        sys.path.insert(0, HERE)
        from rendered import make_renderer

        (workers / str(os.getpid())).touch()
        return make_renderer(assets, size=32)

    killed: list[int] = []

    def kill_one(done: int) -> None:
        if not killed:
            killed.append(int(next(workers.iterdir()).name))
            os.kill(killed[0], signal.SIGKILL)

    far = ShardFolder(tmp_path / "far", MANIFEST)
    assert render_on_cluster(make, far, 150, 2, on_progress=kill_one) == 150  # type: ignore[arg-type]
    assert len(list(workers.iterdir())) > 2  # another one took its place
    near = ShardFolder(tmp_path / "near", MANIFEST)
    render_shards(lambda: make_renderer(assets, size=32), near, 150)
    for path in near.folder.glob("*.tar"):
        assert (far.folder / path.name).read_bytes() == path.read_bytes()
    assert render_on_cluster(make, far, 150, 2) == 0  # type: ignore[arg-type]


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"densepose-mobile\[cluster\]"):
        render_on_cluster(lambda: None, ShardFolder(tmp_path, MANIFEST), 4, 1)  # type: ignore[arg-type, return-value]
