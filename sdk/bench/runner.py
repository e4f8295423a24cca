"""Measuring many cases: in rounds, every case of a round in a fresh process.

Models in one process spoil each other's caches and threads, and a machine drifts: it warms up, others use it. So every
case has its turn in each round, in an order that changes from round to round.
"""

import json
import logging
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from densepose_mobile.bench.case import Case, Effort, Measurement

__all__ = ["Failure", "run_case", "run_cases"]

_log = logging.getLogger(__name__)

_CHILD: Final = "densepose_mobile.bench.child"
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """Why a case cannot run."""

    reason: str


def run_cases(
    cases: Sequence[Case],
    pictures: Sequence[Path],
    effort: Effort,
    advance: Callable[[Case], None] = lambda _: None,
) -> dict[Case, list[Measurement] | Failure]:
    """Measure every case, one process at a time.

    advance: is called as many times as there are cases and rounds. Returns the measurements of each case, one a round,
    in the order given; or why it cannot run: a case that fails once is not tried again, and the others go on.
    """
    measured: dict[Case, list[Measurement]] = {case: [] for case in cases}
    failed: dict[Case, Failure] = {}
    order = list(cases)
    rng = random.Random(0)
    for turn in range(effort.rounds):
        rng.shuffle(order)
        for case in order:
            if case not in failed:
                outcome = run_case(case, pictures, effort)
                if isinstance(outcome, Failure):
                    failed[case] = outcome
                else:
                    measured[case].append(outcome)
            advance(case)
        _log.info("round %d of %d measured", turn + 1, effort.rounds)
    return {case: failed.get(case, measured[case]) for case in cases}


def run_case(case: Case, pictures: Sequence[Path], effort: Effort) -> Measurement | Failure:
    """Measure a case once, in a fresh process whose NumPy keeps to the case's threads as well."""
    question = {"case": asdict(case), "effort": asdict(effort), "pictures": [str(path) for path in pictures]}
    try:
        done = subprocess.run(
            [sys.executable, "-m", _CHILD],
            input=json.dumps(question),
            env={**os.environ, **dict.fromkeys(_THREADS, str(case.threads))},
            capture_output=True,
            text=True,
            check=False,
            timeout=effort.timeout,
        )
    except subprocess.TimeoutExpired:
        return Failure(f"not done after {effort.timeout:g} s, ended; raise --timeout or lower --repeats")
    if done.returncode:
        return Failure(f"the process ended by {_ending(done.returncode)}: {_last_line(done.stderr)}")
    answer = json.loads(done.stdout)
    return Failure(answer["error"]) if "error" in answer else Measurement(**answer["measurement"])


def _ending(code: int) -> str:
    try:
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
