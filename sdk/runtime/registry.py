"""Choosing a runtime for a bundle."""

import importlib
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, TypeVar

from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime.protocol import Runtime

__all__ = ["Backend", "backends", "open_runtime", "with_runtime"]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Backend:
    """A runtime that densepose-mobile has an adapter for."""

    name: str
    families: tuple[str, ...]  # target families whose graphs it runs
    requires: str  # module of the third-party runtime
    extra: str  # of densepose-mobile, that installs it
    adapter: str  # "module:class" of ours
    system: str | None = None  # the one `sys.platform` that has it
    automatic: bool = True  # whether "auto" may choose it

    @property
    def install(self) -> str:
        """The pip line."""
        return f'pip install "densepose-mobile[{self.extra}]"'

    @property
    def available(self) -> bool:
        """Whether it is installed, on a system that has it. Does not import it."""
        return self.obstacle is None

    @property
    def obstacle(self) -> str | None:
        """What keeps it from running here, as far as one sees without importing it, and the mend; None for nothing."""
        if self.system is not None and self.system != sys.platform:
            return f"{self.name} runs on {_SYSTEMS[self.system]} only, this is {sys.platform}"
        missing = find_spec(self.requires) is None
        return f"{self.requires} is not installed: {self.install}" if missing else None

    def open(self, threads: int) -> Runtime:
        """Import the runtime and construct its adapter. Raises BackendUnavailable."""
        module, _, name = self.adapter.partition(":")
        runtime: Runtime = getattr(importlib.import_module(f"densepose_mobile.runtime.{module}"), name)(threads)
        return runtime


_SYSTEMS: Final = {"darwin": "macOS"}
_BACKENDS: Final[Mapping[str, Backend]] = {
    backend.name: backend
    for backend in (
        Backend("litert", ("litert",), "ai_edge_litert", "litert", "litert:LiteRtRuntime"),
        Backend("tflite", ("litert",), "tflite_runtime", "tflite", "tflite:TfliteRuntime"),
        Backend("onnx", ("onnx",), "onnxruntime", "onnx", "onnx:OnnxRuntime"),
        # Which delegates a build has is known when a graph asks for them.
        Backend(
            "executorch",
            ("executorch", "executorch-coreml", "executorch-vulkan"),
            "executorch",
            "executorch",
            "executorch:ExecuTorchRuntime",
        ),
        Backend("coreml", ("coreml",), "coremltools", "coreml", "coreml:CoreMlRuntime", system="darwin"),
        # Not a way to run a model, but to check its numbers: hence only by name.
        Backend("mil", ("coreml",), "coremltools", "coreml", "mil:MilRuntime", automatic=False),
    )
}


def backends(family: str | None = None) -> tuple[Backend, ...]:
    """Every runtime with an adapter, or those for one target family, in the order in which "auto" tries them."""
    return tuple(backend for backend in _BACKENDS.values() if family is None or family in backend.families)


def open_runtime(family: str, backend: str = "auto", threads: int = 2) -> Runtime:
    """Open a runtime for the graphs of a target family; see `with_runtime`."""
    return with_runtime(family, lambda runtime: runtime, backend, threads)


def with_runtime(family: str, use: Callable[[Runtime], _T], backend: str = "auto", threads: int = 2) -> _T:
    """Open a runtime and do something with it, such as loading a bundle's graphs.

    backend: a name of `backends()`, or "auto" for the first one that opens here and that `use` can work with: one that
    raises BackendUnavailable is passed over, and the log says why. A backend that was named is never replaced by
    another one.

    Raises BackendUnavailable, with what was in the way of each and the line that installs what is missing.
    """
    if backend != "auto" and backend not in _BACKENDS:
        raise BackendUnavailable(f'there is no backend {backend!r}; use "auto" or one of {", ".join(_BACKENDS)}')
    able = backends(family)
    if not able or (backend != "auto" and backend not in [b.name for b in able]):
        runs = f"backend {backend!r} does not run" if able else "no backend of this version runs"
        raise BackendUnavailable(f"{runs} {family} graphs; {_alternatives(family)}")
    if backend != "auto":
        chosen = _BACKENDS[backend]
        if chosen.obstacle:
            raise BackendUnavailable(f"backend {backend!r} cannot run: {chosen.obstacle}")
        return use(chosen.open(threads))
    obstacles = []
    for candidate in (b for b in able if b.automatic):
        obstacle = candidate.obstacle
        if obstacle is None:
            try:
                return use(candidate.open(threads))
            except BackendUnavailable as error:
                obstacle = str(error)
                _log.warning("backend %r is passed over: %s", candidate.name, obstacle)
        else:
            _log.info("backend %r is passed over: %s", candidate.name, obstacle)
        obstacles.append(obstacle)
    by_name = [b.name for b in able if not b.automatic]
    hint = f'; backend="{by_name[0]}" computes the same numbers on any machine, slowly' if by_name else ""
    raise BackendUnavailable(f"nothing here runs {family} graphs: {'; '.join(obstacles)}{hint}")


def _alternatives(family: str) -> str:
    names = [b.name for b in backends(family)]
    if names:
        return f'use "auto" or one of {", ".join(names)}'
    families = sorted({family for b in backends() for family in b.families})
    return f"use a bundle of one of the families {', '.join(families)}"
