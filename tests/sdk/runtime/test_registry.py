"""Choosing a runtime."""

import importlib.util

import pytest

from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime import backends, open_runtime, registry


def test_auto_takes_the_runtime_of_the_family() -> None:
    pytest.importorskip("ai_edge_litert")
    assert open_runtime("litert").name == "litert"
    assert open_runtime("litert", "litert", threads=1).name == "litert"


def test_unknown_backend_names_the_known() -> None:
    with pytest.raises(BackendUnavailable, match=r"'tensorrt'; use \"auto\" or one of litert"):
        open_runtime("litert", "tensorrt")


def test_backend_of_another_family() -> None:
    with pytest.raises(BackendUnavailable, match="no backend of this version runs coreml"):
        open_runtime("coreml")
    with pytest.raises(BackendUnavailable, match="family litert"):
        open_runtime("coreml", "litert")


@pytest.mark.parametrize("backend", ["auto", "litert"])
def test_missing_runtime_gives_the_pip_line(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r'ai_edge_litert.*pip install "densepose-mobile\[litert\]"'):
        open_runtime("litert", backend)


def test_backends_say_what_is_installed() -> None:
    (litert,) = backends()
    assert litert.available == (importlib.util.find_spec("ai_edge_litert") is not None)
