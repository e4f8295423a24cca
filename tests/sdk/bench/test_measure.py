"""What one process measures, with a runtime that computes maps analytically (see tests/sdk/conftest.py)."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densepose_mobile.bench import Case, Effort, bench_pictures
from densepose_mobile.bench import measure as module
from densepose_mobile.bench.child import answer
from densepose_mobile.bench.measure import measure
from densepose_mobile.bench.pictures import pan
from densepose_mobile.bundle import Bundle
from densepose_mobile.errors import BundleError, InputError
from densepose_mobile.predictor import DensePose
from densepose_mobile.spec import ModelSpec
from densepose_mobile.stopwatch import STAGES

EFFORT = Effort(rounds=1, repeats=3, warmup=2)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """One picture with a red person, one with a red and a green one."""
    paths = []
    for count in (1, 2):
        picture = np.full((240, 320, 3), 127, np.uint8)
        picture[40:200, 40:100] = (0, 0, 255)  # BGR
        if count == 2:
            picture[60:180, 200:260] = (0, 255, 0)
        paths.append(tmp_path / f"{count}.png")
        cv2.imwrite(str(paths[-1]), picture)
    return paths


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, fake_runtime: Any, fake_bundle: Bundle) -> Any:
    """Every model is the fake one on the fake runtime."""
    monkeypatch.setattr(
        module.DensePose, "load", lambda model, backend, options: DensePose(fake_bundle, fake_runtime, options)
    )
    monkeypatch.setattr(module.Bundle, "open", lambda model: fake_bundle)
    monkeypatch.setattr(module, "with_runtime", lambda family, use, *_: use(fake_runtime))
    threads = cv2.getNumThreads()
    yield fake_runtime
    cv2.setNumThreads(threads)


@pytest.mark.parametrize("mode", ["fast", "accurate", "video"])
def test_warm_up_is_not_counted_and_every_picture_is(fakes: Any, pictures: list[Path], mode: str) -> None:
    measured = measure(Case("fake", "auto", 1, mode=mode), pictures, EFFORT)
    assert measured.backend == "fake"
    assert measured.people == {"1.png": 1, "2.png": 2}
    assert list(measured.ms) == [*STAGES, "total"]
    assert {len(values) for values in measured.ms.values()} == {6}
    assert len(measured.cpu_ms) == 6
    looked_at_all = 2 * (3 + 2)  # pictures, calls of each
    looks = {"fast": looked_at_all, "accurate": 2 * looked_at_all, "video": 2}  # accurate looks in the mirror too
    assert fakes.calls.count("detect") == looks[mode]
    assert (max(measured.ms["track"]) > 0) is (mode == "video")  # no crop would show these people finer
    for number in range(6):
        assert sum(measured.ms[stage][number] for stage in STAGES) <= measured.ms["total"][number]


def test_opencv_keeps_to_the_threads(fakes: Any, pictures: list[Path]) -> None:
    measure(Case("fake", "auto", 1, mode="fast"), pictures, EFFORT)
    assert cv2.getNumThreads() == 1


@pytest.mark.parametrize("graph", ModelSpec().graphs(), ids=lambda graph: graph.name)
def test_a_graph_is_called_alone(fakes: Any, fake_bundle: Bundle, graph: Any) -> None:
    measured = measure(Case("fake", "auto", 1, graph=graph.name), [], EFFORT)
    assert fakes.calls == [graph.name] * 5
    assert set(measured.ms) == {"total"}
    assert len(measured.ms["total"]) == 3
    assert measured.people == {}
    assert measured.placement == {graph.name: str(fakes.load(graph, fake_bundle.graph(graph.name)).placement)}
    assert measured.elsewhere == []


def test_a_graph_that_is_not_there(fakes: Any) -> None:
    with pytest.raises(BundleError, match="no graph 'dense_3'; it has detect, dense_1, dense_4, track"):
        measure(Case("fake", "auto", 1, graph="dense_3"), [], EFFORT)


def test_the_child_answers_with_the_error() -> None:
    question = {"case": {"model": "none.dpm", "backend": "auto", "threads": 1, "mode": "fast"}, "effort": {}}
    assert "cannot read the bundle 'none.dpm'" in answer({**question, "pictures": []})["error"]


def test_the_camera_pans_within_the_picture() -> None:
    rows, columns = np.mgrid[:100, :200].astype(np.uint8)
    seen = [frame[0, 0] for frame in pan(np.dstack([rows, columns, rows]), 60)]
    assert len(seen) == 60
    assert {int(first[0]) for first in seen} >= {0, 10}
    assert {int(first[1]) for first in seen} >= {0, 20}
    assert len({tuple(first) for first in seen}) > 20
    for frame in pan(np.zeros((3, 1, 3), np.uint8), 3):
        assert frame.shape == (3, 1, 3)
        assert frame.flags.c_contiguous


def test_a_bad_picture_is_known_before_anything_runs(pictures: list[Path], tmp_path: Path) -> None:
    first, second = bench_pictures(pictures)
    assert first.as_dict() == {"name": "1.png", "width": 320, "height": 240, "sha256": first.sha256}
    assert first.sha256 != second.sha256
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"bad\.png"):
        bench_pictures([tmp_path / "bad.png"])
