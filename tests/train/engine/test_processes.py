"""Two processes that train together learn what one does from the same batches."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import InputError
from densepose_mobile.train.engine.launch import Launch
from densepose_mobile.train.engine.recipe import Task

from .tiny_run import RECIPE, tiny_run

ROOT = Path(__file__).parents[3]
STEPS = 3


def table(out: Path) -> list[dict[str, str]]:
    (path,) = (out / "logs" / "csv").rglob("metrics.csv")
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["loss/total"]]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, shard: Callable[..., None]) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for name, first in (("a.tar", 0), ("b.tar", 6)):
        shard(folder / name, range(first, first + 6))
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Path:
    """What two processes leave, a student's run, and a teacher's beside it."""
    out = tmp_path_factory.mktemp("two") / "run"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "tests.train.engine.tiny_run", str(shards), str(out), str(STEPS), "0", "teacher"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("task", ["student", "teacher"])
def test_two_processes_have_the_losses_and_gradients_of_one(
    tmp_path: Path, shards: Path, two: Path, task: Task
) -> None:
    one = tmp_path / "one"
    tiny_run(shards, one, STEPS, task=task)
    if task == "teacher":
        two = two.with_name("run-teacher")
    shared = [
        [json.loads(line) for line in (two / f"batches-{rank}.jsonl").read_text().splitlines()] for rank in (0, 1)
    ]
    crops = [[line["crops"] for line in lines] for lines in shared]
    assert crops == [[2] * STEPS, [3] * STEPS]  # of five, no two of them the same

    gradient = torch.load(one / "gradient.pt")
    halves = torch.load(two / "gradient.pt")
    assert gradient.keys() <= halves.keys()
    largest = max(float(value.abs().max()) for value in gradient.values())
    for name, value in gradient.items():
        torch.testing.assert_close(halves[name], value, rtol=1e-3, atol=1e-5 * largest, msg=name)

    for alone, together in zip(table(one), table(two), strict=True):
        assert alone.keys() == together.keys()
        for name, value in alone.items():
            if name.startswith("loss/") or name in ("run/pictures", "run/gradient_norm"):
                tolerance = 1e-4 if alone["step"] == "1" else 1e-2  # the first steps of Adam magnify rounding
                assert float(together[name]) == pytest.approx(float(value), rel=tolerance, abs=1e-5), name

    # the first process alone writes, once
    assert (two / "examined.txt").read_text() == (one / "examined.txt").read_text() == "2\n3\n"
    for pattern in ("*.csv", "events.*", "*.ckpt", "*.safetensors", "rounds.jsonl"):
        assert len(list(two.rglob(pattern))) == len(list(one.rglob(pattern))) == 1


def test_launch_is_read_from_torchruns_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Launch.found({}) == Launch("cpu")
    launch = Launch.found({"RANK": "9", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"})
    assert (launch.rank, launch.world, launch.local, launch.leads) == (9, 16, 8, False)
    options = launch.trainer_options("bf16")
    assert (options["devices"], options["num_nodes"], options["precision"]) == (8, 2, "bf16-mixed")
    assert options["strategy"].process_group_backend == "gloo"
    assert "strategy" not in Launch("cpu").trainer_options("fp32")


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    environment = {"RANK": "0", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "8"}
    with pytest.raises(InputError, match=r"8 processes here, but there are 4 GPUs.*--nproc-per-node 4"):
        Launch.found(environment)
    launch = Launch.found({**environment, "LOCAL_WORLD_SIZE": "4"})
    assert launch.accelerator == "cuda"
    assert launch.trainer_options("fp16")["strategy"].process_group_backend == "nccl"


@pytest.mark.parametrize(("able", "chosen"), [(True, "bf16"), (False, "fp16")])
def test_precision_is_chosen_by_the_device(monkeypatch: pytest.MonkeyPatch, able: bool, chosen: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: able)
    assert Launch("cuda").precision("auto") == chosen
    assert Launch("cpu").precision("auto") == ("bf16" if able else "fp32")
    assert Launch("cpu").precision("fp32") == Launch("cuda").precision("fp32") == RECIPE.precision
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        Launch("cpu").precision("fp16")
