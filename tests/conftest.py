"""What all tests share: timing is no concern of theirs, so that a busy machine fails none; a disk may be full."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def fill_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on half of a file is written before the disk is full; `monkeypatch.undo` makes room."""
    whole = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        whole(path, data[: len(data) // 2])
        if data:
            raise OSError(28, "No space left on device")
        return 0

    return lambda: monkeypatch.setattr(Path, "write_bytes", full)
