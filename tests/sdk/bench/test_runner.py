"""Rounds, processes, and what becomes of a case that fails."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from densepose_mobile.bench import Case, Effort, Failure, Measurement, runner
from densepose_mobile.bench.runner import run_case, run_cases

MEASUREMENT = Measurement("fake", {}, [], 1.0, 2.0, {"total": [3.0]}, [4.0], {}, None, None)
CASES = [Case(model, "auto", threads, mode="fast") for model in "abc" for threads in (1, 2)]


def test_every_case_has_its_turn_in_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[Case] = []

    def measured(case: Case, pictures: Sequence[Path], effort: Effort) -> Measurement:
        turns.append(case)
        return MEASUREMENT

    monkeypatch.setattr(runner, "run_case", measured)
    told: list[Case] = []
    outcomes = run_cases(CASES, [], Effort(rounds=4), told.append)
    assert list(outcomes) == CASES
    assert all(outcome == [MEASUREMENT] * 4 for outcome in outcomes.values())
    rounds = [turns[start : start + len(CASES)] for start in range(0, len(turns), len(CASES))]
    assert all(set(turn) == set(CASES) for turn in rounds)
    assert len({tuple(map(str, turn)) for turn in rounds}) > 1
    assert told == turns


def test_a_case_that_fails_is_not_tried_again_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def measured(case: Case, pictures: Sequence[Path], effort: Effort) -> Measurement | Failure:
        tried.append(case)
        return Failure("no") if case.model == "b" else MEASUREMENT

    monkeypatch.setattr(runner, "run_case", measured)
    told: list[Case] = []
    outcomes = run_cases(CASES, [], Effort(rounds=3), told.append)
    assert [case for case, outcome in outcomes.items() if outcome == Failure("no")] == CASES[2:4]
    assert tried.count(CASES[2]) == 1
    assert tried.count(CASES[0]) == 3
    assert len(told) == 3 * len(CASES)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit('line\\nno such thing\\n')", "exit code 1: no such thing"),
        ("import os; os.abort()", "signal SIGABRT: it said nothing"),
        ("import time; time.sleep(60)", r"not done after 1\.5 s"),
    ],
)
def test_a_process_that_dies_says_how(monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    real = subprocess.run
    monkeypatch.setattr(
        runner.subprocess, "run", lambda command, **options: real([sys.executable, "-c", code], **options)
    )
    outcome = run_case(CASES[0], [], Effort(timeout=1.5) if "sleep" in code else Effort())
    assert isinstance(outcome, Failure)
    assert re.search(reason, outcome.reason)


def test_the_process_gets_the_case_and_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(command: list[str], **options: Any) -> Any:
        seen.update(options, command=command)
        return subprocess.CompletedProcess(command, 0, json.dumps({"error": "busy"}), "")

    monkeypatch.setattr(runner.subprocess, "run", run)
    assert run_case(CASES[1], [Path("a.png")], Effort()) == Failure("busy")
    assert seen["env"]["OPENBLAS_NUM_THREADS"] == "2"
    assert json.loads(seen["input"])["pictures"] == ["a.png"]
    assert Case(**json.loads(seen["input"])["case"]) == CASES[1]
