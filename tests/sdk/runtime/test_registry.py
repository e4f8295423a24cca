"""Choosing a runtime."""

import importlib.util
import logging
import sys
from dataclasses import replace
from typing import Any

import pytest

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime import Runtime, backends, open_runtime, registry, with_runtime


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of backends that look installed and construct; the others look absent."""
    names: set[str] = set()

    class Opened:
        def __init__(self, name: str, threads: int) -> None:
            self.name, self.threads = name, threads

    monkeypatch.setattr(registry, "find_spec", lambda module: module if module in required(names) else None)
    monkeypatch.setattr(registry.Backend, "open", lambda self, threads: Opened(self.name, threads))
    return names


def required(names: set[str]) -> set[str]:
    return {backend.requires for backend in backends() if backend.name in names}


def refuse(*names: str) -> Any:
    def use(runtime: Runtime) -> Runtime:
        if runtime.name in names:
            raise BackendUnavailable(f"{runtime.name} has no kernel for it")
        return runtime

    return use


def test_auto_takes_the_runtime_of_the_family() -> None:
    pytest.importorskip("ai_edge_litert")
    assert open_runtime("litert").name == "litert"
    assert open_runtime("litert", "litert", threads=1).name == "litert"


def test_auto_goes_in_order_and_hands_threads_on(installed: set[str]) -> None:
    installed |= {"litert", "tflite"}
    assert open_runtime("litert").name == "litert"
    installed.remove("litert")
    runtime: Any = open_runtime("litert", threads=3)
    assert (runtime.name, runtime.threads) == ("tflite", 3)


def test_auto_passes_over_what_cannot_load_and_says_why(installed: set[str], caplog: pytest.LogCaptureFixture) -> None:
    installed |= {"litert", "tflite"}
    with caplog.at_level(logging.INFO, "densepose_mobile"):
        assert with_runtime("litert", refuse("litert")).name == "tflite"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "'litert' is passed over: litert has no kernel" in record.getMessage()


def test_auto_tells_every_obstacle_when_nothing_is_left(installed: set[str]) -> None:
    installed |= {"litert"}
    with pytest.raises(BackendUnavailable, match=r"litert has no kernel.*tflite_runtime is not installed.*\[tflite\]"):
        with_runtime("litert", refuse("litert"))


def test_a_bundle_that_is_wrong_is_no_reason_to_try_another(installed: set[str]) -> None:
    installed |= {"litert", "tflite"}
    tried = []

    def use(runtime: Runtime) -> None:
        tried.append(runtime.name)
        raise BundleError("damaged")

    with pytest.raises(BundleError, match="damaged"):
        with_runtime("litert", use)
    assert tried == ["litert"]


def test_a_named_backend_is_never_replaced(installed: set[str]) -> None:
    installed |= {"litert", "tflite"}
    with pytest.raises(BackendUnavailable, match="litert has no kernel"):
        with_runtime("litert", refuse("litert"), "litert")
    installed.remove("tflite")
    with pytest.raises(BackendUnavailable, match="'tflite' cannot run: tflite_runtime is not installed"):
        open_runtime("litert", "tflite")


def test_unknown_backend_names_the_known() -> None:
    with pytest.raises(BackendUnavailable, match=r"'tensorrt'; use \"auto\" or one of litert, tflite, onnx"):
        open_runtime("litert", "tensorrt")


def test_backend_of_another_family() -> None:
    with pytest.raises(BackendUnavailable, match=r"no backend of this version runs ncnn.*families coreml, executorch"):
        open_runtime("ncnn")
    with pytest.raises(BackendUnavailable, match=r"'litert' does not run coreml graphs.*one of coreml, mil"):
        open_runtime("coreml", "litert")


@pytest.mark.parametrize("backend", ["auto", "litert"])
def test_missing_runtime_gives_the_pip_line(backend: str, installed: set[str]) -> None:
    with pytest.raises(BackendUnavailable, match=r'ai_edge_litert.*pip install "densepose-mobile\[litert\]"'):
        open_runtime("litert", backend)


def test_core_ml_is_run_on_macos_only_and_its_stand_in_by_name_only(
    installed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed |= {"coreml", "mil"}
    monkeypatch.setattr(sys, "platform", "linux")
    for backend in ("auto", "coreml"):
        with pytest.raises(BackendUnavailable, match="coreml runs on macOS only, this is linux"):
            open_runtime("coreml", backend)
    with pytest.raises(BackendUnavailable, match='backend="mil" computes the same numbers'):
        open_runtime("coreml")
    assert open_runtime("coreml", "mil").name == "mil"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert open_runtime("coreml").name == "coreml"


def test_backends_say_what_is_in_the_way() -> None:
    for backend in backends():
        here = backend.system in (None, sys.platform)
        assert backend.available == (here and importlib.util.find_spec(backend.requires) is not None)
        assert (backend.obstacle is None) == backend.available
    absent = replace(backends()[0], requires="no_such_module")
    assert absent.obstacle == 'no_such_module is not installed: pip install "densepose-mobile[litert]"'


def test_backends_of_a_family_come_in_the_order_of_auto() -> None:
    assert [backend.name for backend in backends("litert")] == ["litert", "tflite"]
    assert [backend.name for backend in backends("executorch-vulkan")] == ["executorch"]
    assert backends("ncnn") == ()
