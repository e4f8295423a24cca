"""Options of a video refuse what they cannot mean."""

from typing import Any

import pytest

from densepose_mobile import InputError, VideoOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("detect_every", 0),
        ("detect_every", 1.5),
        ("search_every", "often"),
        ("search_every", True),
        ("patience_ms", -1),
        ("patience_ms", float("inf")),
        ("patience_ms", float("nan")),
        ("min_cutoff", 0),
        ("speed_gain", None),
    ],
)
def test_a_bad_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"VideoOptions\.{name} is "):
        VideoOptions(**{name: value})


def test_limits_are_allowed() -> None:
    assert VideoOptions(detect_every=1, search_every=1, patience_ms=0, min_cutoff=1e-3, speed_gain=0).patience_ms == 0
