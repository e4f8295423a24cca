"""What a conversion keeps by the way."""

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import SafetensorError

from densepose_mobile.convert import network as module
from densepose_mobile.convert.network import Network
from densepose_mobile.errors import OutputError


def test_a_cache_without_room_is_named(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half of them")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(module, "prepare_for_int8", lambda student, *_: student)
    monkeypatch.setattr(module, "save_student", full)
    assert network.quantisation is not None
    wanted = replace(network, quantisation=replace(network.quantisation, refit=2), cache=tmp_path / "cache")
    with pytest.raises(OutputError, match=r"No space left on device.*another --cache"):
        _ = wanted.rounded
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_file()] == []
