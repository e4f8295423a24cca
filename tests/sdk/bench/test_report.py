"""Rows from measurements, accuracy beside them, and CSV."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from densepose_mobile.bench import Accuracy, Case, Failure, Measurement, csv_text, read_accuracy, row_of
from densepose_mobile.bench.report import spread
from densepose_mobile.errors import InputError

CARD = {"name": "small", "version": "1", "target": "litert-int8", "atlas": "x", "sha256": "ab"}
FAST = Case("small.dpm", "auto", 2, mode="fast")
PLACES = {"detect": "1 x XNNPACK", "track": "1 x XNNPACK"}
ROUNDS = [
    Measurement(
        "litert",
        PLACES,
        ["detect"],
        10.0,
        9.0,
        {"pre": [1.0, 2.0], "total": [4.0, 6.0]},
        [3.0, 5.0],
        {"a": 1, "b": 2},
        50.0,
        80.0,
    ),
    Measurement(
        "litert",
        PLACES,
        ["detect"],
        30.0,
        7.0,
        {"pre": [3.0, 4.0], "total": [8.0, 90.0]},
        [7.0, 9.0],
        {"a": 1, "b": 2},
        51.0,
        90.0,
    ),
]


def test_percentiles() -> None:
    assert spread([float(value) for value in range(101)]) == {"p50": 50, "p95": 95, "mean": 50}
    assert spread([7.0]) == {"p50": 7, "p95": 7, "mean": 7}


def test_the_calls_of_all_rounds_are_pooled() -> None:
    row = row_of(FAST, ROUNDS, CARD)
    assert row["ms"]["pre"] == {"p50": 2.5, "p95": 3.85, "mean": 2.5}
    assert (row["ms"]["total"]["p50"], row["ms"]["total"]["mean"]) == (7, 27)
    assert row["rounds_p50"] == [5, 49]
    assert row["cpu_ms"]["p50"] == 6
    assert (row["backend"], row["mode"], row["threads"], row["calls"]) == ("litert", "fast", 2, 4)
    assert (row["load_ms"], row["first_ms"], row["base_mib"], row["peak_mib"]) == (20, 8, 51, 90)
    assert row["people"] == {"a": 1, "b": 2}
    assert (row["placement"], row["elsewhere"]) == (PLACES, ["detect"])


def test_a_failure_is_a_row_that_says_why() -> None:
    row = row_of(Case("small.dpm", "onnx", 1, graph="detect"), Failure("not installed"), CARD)
    assert (row["backend"], row["graph"], row["error"]) == ("onnx", "detect", "not installed")
    assert not {"ms", "mode", "people"} & set(row)


def test_accuracy_stands_beside_the_same_bundle_in_the_same_mode() -> None:
    figures = [
        Accuracy("photos", "ab", "fast", {"recall": 0.7}),
        Accuracy("synthetic", "ab", "fast", {"recall": 0.8}),
        Accuracy("photos", "ab", "accurate", {"recall": 0.9}),
        Accuracy("photos", "cd", "fast", {"recall": 0.1}),
    ]
    assert row_of(FAST, ROUNDS, CARD, figures)["accuracy"] == {"photos": {"recall": 0.7}, "synthetic": {"recall": 0.8}}
    assert "accuracy" not in row_of(Case("small.dpm", "auto", 2, mode="balanced"), ROUNDS, CARD, figures)
    assert "accuracy" not in row_of(Case("small.dpm", "auto", 2, graph="detect"), ROUNDS, CARD, figures)


def test_csv_holds_every_row() -> None:
    rows = [
        row_of(FAST, ROUNDS, CARD, [Accuracy("photos", "ab", "fast", {"recall": 0.7})]),
        row_of(Case("small.dpm", "auto", 1, graph="track"), ROUNDS, CARD),
        row_of(Case("small.dpm", "onnx", 1, mode="fast"), Failure('not, "installed"'), CARD),
    ]
    first, second, third = csv.DictReader(io.StringIO(csv_text(rows)))
    assert list(first)[:8] == ["model", "version", "target", "sha256", "backend", "mode", "graph", "threads"]
    assert float(first["ms.total.p95"]) == pytest.approx(rows[0]["ms"]["total"]["p95"])
    assert (first["people"], first["accuracy.photos.recall"], first["rounds_p50"]) == ("3", "0.7", "5.0 49.0")
    assert (second["mode"], second["graph"]) == ("", "track")
    assert (third["error"], third["ms.total.p50"]) == ('not, "installed"', "")


def test_results_of_evaluate_are_read() -> None:
    path = Path(__file__).parents[3] / "results" / "coco_mini_val2017.json"
    figures = read_accuracy(path)
    content = json.loads(path.read_text("utf-8"))
    assert (figures.source, figures.mode) == ("coco_mini_val2017", content["options"]["mode"])
    assert figures.sha256 == content["model"]["sha256"]
    assert set(figures.measures) == {"recall", "mask_iou", "keypoint_agreement"}
    assert figures.measures["recall"] == content["report"]["measures"]["recall"]["value"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("not JSON", "no results file"),
        ([], "no results file"),
        ({"model": {}}, "no results file.*sha256"),
        ({"model": {"sha256": "a"}, "options": {"mode": None}, "report": {"measures": {}}}, "not a model"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_accuracy(path)
