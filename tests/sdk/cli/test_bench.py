"""`densepose-mobile bench`, with processes of our own and one real one."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densepose_mobile.bench import Case, Effort, Failure, Measurement, runner
from densepose_mobile.bundle import Bundle
from densepose_mobile.cli import bench as command
from densepose_mobile.cli.main import main
from densepose_mobile.cli.results_file import model_card
from densepose_mobile.runtime.registry import Backend
from densepose_mobile.stopwatch import STAGES

TIMES = {stage: [1.0, 2.0, 3.0] for stage in (*STAGES, "total")}
REAL = Backend("litert", ("litert",), "ai_edge_litert", "litert", "")
ABSENT = Backend("absent", ("litert",), "no_such_runtime", "absent", "")
JUDGE = Backend("judge", ("litert",), "json", "judge", "", automatic=False)
FOREIGN = Backend("foreign", ("onnx",), "json", "foreign", "")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((60, 80, 3), 127, np.uint8))
    return path


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """What would have been measured; backends other than litert fail."""
    seen: list[Case] = []

    def measured(case: Case, pictures: Sequence[Path], effort: Effort) -> Measurement | Failure:
        seen.append(case)
        if case.backend not in ("auto", "litert"):
            return Failure(f"{case.backend} is not installed")
        people = {path.name: 1 for path in pictures} if case.mode else {}
        times = TIMES if case.mode else {"total": [1.0, 2.0, 3.0]}
        places = {"detect": "2 x XNNPACK", "track": "1 x XNNPACK"}
        return Measurement("litert", places, ["detect"], 5.0, 4.0, times, [1.0], people, 40.0, 60.0)

    monkeypatch.setattr(runner, "run_case", measured)
    registered(monkeypatch, REAL, ABSENT, JUDGE, FOREIGN)
    return seen


def registered(monkeypatch: pytest.MonkeyPatch, *known: Backend) -> None:
    monkeypatch.setattr(
        command, "backends", lambda family=None: [b for b in known if family is None or family in b.families]
    )


def run(*words: str | Path) -> int:
    return main(["bench", *map(str, words)])


def test_the_cross_product_is_measured(cases: list[Case], picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    models, modes = "small,small-fp16", "fast,video"
    given = ("--models", models, "--modes", modes, "--threads", "1,2", "--pictures", picture, "--rounds", 2)
    assert run(*map(str, given), "--graphs", "--out", out) == 0
    assert {(case.model, case.mode, case.threads) for case in cases if case.mode} == {
        (model, mode, count) for model in models.split(",") for mode in modes.split(",") for count in (1, 2)
    }
    assert {case.graph for case in cases if case.graph} == {"detect", "dense_1", "dense_4", "track"}
    assert len(cases) == 2 * len(set(cases)) == 2 * (8 + 16)
    content = json.loads(out.read_text())
    assert (len(content["runs"]), len(content["graphs"])) == (8, 16)
    assert content["effort"]["rounds"] == 2
    assert content["pictures"][0]["name"] == "grey.png"
    assert content["machine"]["processor"]
    assert "--graphs" in content["command"]
    assert content["runs"][0]["ms"]["total"] == {"p50": 2, "p95": 3, "mean": 2}


def test_what_was_named_and_cannot_run_is_a_row_and_a_failure(
    cases: list[Case], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = tmp_path / "bench.json", tmp_path / "bench.csv"
    given = ("--modes", "fast,accurate", "--pictures", picture, "--out", out, "--csv", table)
    assert run("--backends", "litert,foreign", *given) == 1
    rows = json.loads(out.read_text())["runs"]
    assert [row.get("error") for row in rows] == [None, None, *["foreign is not installed"] * 2]
    with table.open() as file:
        assert [row["error"] for row in csv.DictReader(file)] == ["", "", *["foreign is not installed"] * 2]
    text = " ".join(capsys.readouterr().out.split())
    assert "on foreign, threads 1 (fast, accurate): foreign is not installed" in text
    assert text.count("on litert, threads 1, detect: 2 x XNNPACK") == 1


def test_all_means_those_for_the_family_and_the_absent_are_no_failure(
    cases: list[Case], picture: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bench.json"
    assert run("--backends", "all", "--modes", "fast", "--pictures", picture, "--out", out) == 0
    rows = json.loads(out.read_text())["runs"]
    assert [(row["backend"], row.get("error")) for row in rows] == [
        ("litert", None),
        ("absent", "absent is not installed"),
    ]


def test_where_nothing_runs_it_failed(cases: list[Case], picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered(monkeypatch, ABSENT)
    assert run("--backends", "all", "--modes", "fast", "--pictures", picture) == 1


def test_accuracy_stands_beside_latency(
    cases: list[Case], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: Any
) -> None:
    def results(name: str, mode: str, sha256: str) -> Path:
        measures = {"recall": {"value": 0.625}, "mask_iou": {"value": 0.5}, "keypoint_agreement": {"value": 0.25}}
        content = {"model": {"sha256": sha256}, "options": {"mode": mode}, "report": {"measures": measures}}
        (tmp_path / name).write_text(json.dumps(content))
        return tmp_path / name

    sha256 = model_card("small")["sha256"]
    ours, strange = results("photos.json", "fast", sha256), results("other.json", "fast", "0" * 64)
    out = tmp_path / "bench.json"
    given = ("--modes", "fast,accurate", "--pictures", picture, "--out", out)
    assert run(*given, "--accuracy", ours, "--accuracy", strange) == 0
    fast, accurate = json.loads(out.read_text())["runs"]
    assert fast["accuracy"] == {"photos": {"recall": 0.625, "mask_iou": 0.5, "keypoint_agreement": 0.25}}
    assert "accuracy" not in accurate
    assert "0.625 0.500 0.250" in " ".join(capsys.readouterr().out.split())
    assert [record.args[0] for record in caplog.records if record.levelname == "WARNING"] == ["other"]
    assert run(*given, "--accuracy", ours, "--accuracy", ours) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--modes", "best"], 2),
        (["--modes", "none"], 2),
        (["--threads", "0"], 2),
        (["--threads", "many"], 2),
        (["--models", "nowhere.dpm"], 1),
        (["--pictures", "nowhere.png"], 1),
        (["--accuracy", "nowhere.json"], 1),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(cases: list[Case], words: list[str], code: int) -> None:
    assert run(*words) == code
    assert not cases


@pytest.mark.parametrize("option", ["--out", "--csv"])
def test_a_place_that_takes_no_file_is_known_before_anything_runs(
    cases: list[Case], picture: Path, option: str
) -> None:
    assert run("--pictures", picture, option, picture / "bench.json") == 1
    assert not cases


def test_a_folder_without_pictures(cases: list[Case], tmp_path: Path) -> None:
    (tmp_path / "dance.mp4").write_bytes(b"")
    assert run("--pictures", tmp_path) == 1
    assert not cases


def test_processes_of_the_shipped_bundle(picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    given = ("--backends", "litert,nonesuch", "--modes", "fast", "--pictures", picture, "--out", out)
    assert run(*given, "--repeats", "1", "--warmup", "0", "--rounds", "1") == 1
    ran, failed = json.loads(out.read_text())["runs"]
    assert (ran["model"], ran["backend"], ran["people"], ran["calls"]) == ("small", "litert", {"grey.png": 0}, 1)
    assert ran["ms"]["detect"]["p50"] > 0
    assert ran["target"] == Bundle.open("small").manifest.target
    assert ran["peak_mib"] is None or ran["peak_mib"] > ran["base_mib"]
    assert "no backend 'nonesuch'" in failed["error"]
