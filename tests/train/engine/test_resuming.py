"""A run that is killed and resumed is the run that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from densepose_mobile.train.data.rounds import Journal
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME, resume_place

from .tiny_run import tiny_run

ROOT = Path(__file__).parents[3]
_PATIENCE = 240.0  # s


def lines(out: Path) -> list[dict[str, Any]]:
    path = out / "batches-0.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def kill_in_mid_run(shards: Path, out: Path) -> None:
    """Begin a run, and kill it without a word some steps after a checkpoint."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.train.engine.tiny_run", str(shards), str(out), "100000", "1"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as run:
        try:
            begin = time.monotonic()
            while not (out / CHECKPOINT_NAME).is_file():
                assert run.poll() is None
                assert time.monotonic() - begin < _PATIENCE
                time.sleep(0.02)
            seen = len(lines(out))
            while len(lines(out)) < seen + 2:
                time.sleep(0.02)
        finally:
            run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL


def test_killed_run_goes_on_with_the_very_next_batch(tmp_path: Path, shard: Callable[..., None]) -> None:
    shards, out = tmp_path / "shards", tmp_path / "run"
    shards.mkdir()
    shard(shards / "a.tar", range(6))
    kill_in_mid_run(shards, out)
    begun = resume_place(out / CHECKPOINT_NAME)["batch"]
    before = lines(out)
    assert [line["number"] for line in before] == list(range(len(before)))
    assert 0 < begun <= len(before)

    shard(shards / "b.tar", range(6, 12))  # rendering went on meanwhile
    steps = len(before) + 8
    (out / "batches-0.jsonl").unlink()
    resumed = tiny_run(shards, out, steps, resume=True)
    assert any("b.tar" in (Journal(out / "rounds.jsonl").shards(number) or ()) for number in range(1, 200))

    unbroken = tmp_path / "unbroken"
    unbroken.mkdir()
    shutil.copy(out / "rounds.jsonl", unbroken)  # the folder grew at the same time there
    whole = tiny_run(shards, unbroken, steps)
    assert before[:begun] + lines(out) == lines(unbroken)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
