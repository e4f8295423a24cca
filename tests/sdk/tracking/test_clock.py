"""Timestamps that must grow."""

import numpy as np
import pytest

from densepose_mobile.errors import TimestampError
from densepose_mobile.tracking import Clock


def test_any_kind_of_growing_number_is_taken() -> None:
    clock = Clock()
    assert [clock.advance(t) for t in (-5, 0, 0.5, np.float32(2), np.int64(10**12))] == [-5, 0, 0.5, 2, 1e12]


@pytest.mark.parametrize("bad", [7, 7.0, 6.999, -1])
def test_a_time_that_does_not_grow_is_refused_with_both_values(bad: float) -> None:
    clock = Clock()
    clock.advance(7)
    with pytest.raises(TimestampError, match=rf"^timestamp {bad} ms .* previous one, 7 ms"):
        clock.advance(bad)
    assert clock.advance(7.001) == 7.001  # the next good one is taken


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, "7", 1 + 2j])
def test_what_is_no_time_is_refused(bad: object) -> None:
    clock = Clock()
    with pytest.raises(TimestampError, match="not a finite number"):
        clock.advance(bad)  # type: ignore[arg-type]
    assert clock.now is None
