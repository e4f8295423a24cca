"""How long each graph of LiteRT bundles takes here, each in a process of its own.

    python -m densepose_mobile.convert.latency int8.dpm fp16.dpm fp32.dpm --out results/latency_litert.json

Several graphs in one process spoil each other's caches and threads; a shared machine drifts. So every measurement is a
fresh process, the bundles take turns within each round, and the least of the rounds' medians is reported: that of the
round which other programs disturbed least.
"""

import json
import logging
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer

from densepose_mobile.bundle import Bundle
from densepose_mobile.cli.results_file import header, write_results
from densepose_mobile.convert.errors import ConversionError

__all__ = ["measure_bundles", "measure_graph", "time_graph"]

_log = logging.getLogger(__name__)

_CHILD: Final = "--child"
_REFERENCE: Final = "litert-fp32"


def time_graph(path: Path, threads: int, runs: int, warmup: int) -> list[float]:
    """Milliseconds of each of `runs` calls of a `.tflite` file on random input, in this process.

    With one thread this is the processor's time, which other programs on the machine lengthen less than the clock's.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], rng.random(detail["shape"], dtype=np.float32))
    clock = time.process_time if threads == 1 else time.perf_counter
    times = []
    for call in range(warmup + runs):
        start = clock()
        interpreter.invoke()
        if call >= warmup:
            times.append((clock() - start) * 1e3)
    return times


def measure_graph(path: Path, threads: int = 1, runs: int = 50, warmup: int = 10) -> float:
    """Median milliseconds of one call, measured in a fresh process.

    Raises:
        ConversionError: the process fails.
    """
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, _CHILD, str(path)]
    done = subprocess.run([*command, str(threads), str(runs), str(warmup)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConversionError(f"{path.name} cannot be timed: {done.stderr.strip().splitlines()[-1:]}")
    return statistics.median(json.loads(done.stdout))


def measure_bundles(paths: Sequence[Path], threads: int = 1, rounds: int = 7, runs: int = 50) -> dict[str, Any]:
    """Milliseconds of every graph of every bundle, and how many times faster than float32, if that is given."""
    bundles = {(bundle := Bundle.open(path)).manifest.target: bundle for path in paths}
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for target, bundle in bundles.items():
            for graph in bundle.spec.graphs():
                file = Path(folder) / f"{target}-{graph.name}.tflite"
                file.write_bytes(bundle.graph(graph.name))
                files[graph.name, target] = file
        for turn in range(rounds):
            for (graph_name, target), file in sorted(files.items()):
                taken = measure_graph(file, threads, runs)
                times.setdefault(graph_name, {}).setdefault(target, []).append(taken)
            _log.info("round %d of %d measured", turn + 1, rounds)
    graphs: dict[str, Any] = {}
    for graph_name, targets in times.items():
        medians = {target: min(values) for target, values in targets.items()}
        graphs[graph_name] = {
            "ms": {target: round(value, 3) for target, value in medians.items()},
            "ms_range": {target: [round(min(v), 3), round(max(v), 3)] for target, v in targets.items()},
        }
        if _REFERENCE in medians:
            graphs[graph_name]["times_faster_than_fp32"] = {
                target: round(medians[_REFERENCE] / value, 2) for target, value in medians.items()
            }
    return {
        "threads": threads,
        "clock": "processor time" if threads == 1 else "wall time",
        "rounds": rounds,
        "runs": runs,
        "processor": _processor(),
        "bundles": {target: f"{b.manifest.name} {b.manifest.version}" for target, b in bundles.items()},
        "graphs": graphs,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return f"{name} ({', '.join(flag for flag in ('avx2', 'avx_vnni', 'avx512_vnni') if flag in flags)})"


def _main(
    bundles: list[Path] = typer.Argument(..., help="LiteRT bundles of one model, one for each precision."),
    out: Path = typer.Option(..., help="JSON file to write."),
    threads: int = typer.Option(1, min=1),
    rounds: int = typer.Option(7, min=1),
    runs: int = typer.Option(50, min=1),
) -> None:
    """Time every graph of LiteRT bundles and write the figures."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    figures = measure_bundles(bundles, threads, rounds, runs)
    words = ["python", "-m", "densepose_mobile.convert.latency", *(os.path.relpath(path) for path in bundles)]
    words += ["--out", os.path.relpath(out), "--threads", str(threads), "--rounds", str(rounds), "--runs", str(runs)]
    write_results(out, {**header(shlex.join(words)), **figures})
    typer.echo(out.read_text())


if __name__ == "__main__":
    if sys.argv[1:2] == [_CHILD]:
        path_, threads_, runs_, warmup_ = sys.argv[2:6]
        sys.stdout.write(json.dumps(time_graph(Path(path_), int(threads_), int(runs_), int(warmup_))))
    else:
        typer.run(_main)
