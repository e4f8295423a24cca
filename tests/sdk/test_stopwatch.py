"""The stopwatch, by a clock of ours that moves one second each time it is read."""

from itertools import count

import pytest

from densepose_mobile import stopwatch
from densepose_mobile.stopwatch import STAGES, Stopwatch


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: float(next(ticks)))


def test_a_stage_that_is_entered_again_adds_up() -> None:
    watch = Stopwatch()
    for stage in ("pre", "detect", "pre"):
        with watch(stage):
            pass
    timings = watch.timings()
    assert list(timings) == [*STAGES, "total"]
    assert timings == {**dict.fromkeys(STAGES, 0.0), "pre": 2000, "detect": 1000, "total": 7000}


def test_a_stage_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError), Stopwatch()("pixels"):
        pass
