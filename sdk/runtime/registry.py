"""Choosing a runtime for a bundle."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime.protocol import Runtime

__all__ = ["Backend", "backends", "open_runtime"]


@dataclass(frozen=True)
class Backend:
    """A runtime that densepose-mobile has an adapter for."""

    name: str
    families: tuple[str, ...]  # target families whose graphs it runs
    requires: str  # module of the third-party runtime
    install: str  # the pip line
    adapter: str  # "module:class" of ours

    @property
    def available(self) -> bool:
        """Whether the third-party runtime is installed. Does not import it."""
        return find_spec(self.requires) is not None


_BACKENDS: Final[Mapping[str, Backend]] = {
    backend.name: backend
    for backend in (
        Backend(
            "litert",
            ("litert",),
            "ai_edge_litert",
            'pip install "densepose-mobile[litert]"',
            "densepose_mobile.runtime.litert:LiteRtRuntime",
        ),
    )
}


def backends() -> tuple[Backend, ...]:
    """Every runtime with an adapter, in the order in which "auto" tries them."""
    return tuple(_BACKENDS.values())


def open_runtime(family: str, backend: str = "auto", threads: int = 2) -> Runtime:
    """Open a runtime for the graphs of a target family.

    backend: a name of `backends()`, or "auto" for the first installed one that runs the family.

    Raises BackendUnavailable, with the line that installs what is missing. A runtime that was named and is missing is
    never replaced by another one.
    """
    if backend != "auto" and backend not in _BACKENDS:
        raise BackendUnavailable(f'there is no backend {backend!r}; use "auto" or one of {", ".join(_BACKENDS)}')
    able = [b for b in backends() if family in b.families]
    wanted = able if backend == "auto" else [b for b in able if b.name == backend]
    if not wanted:
        runs = f"backend {backend!r} does not run" if able else "no backend of this version runs"
        names = ", ".join(sorted({f for b in backends() for f in b.families}))
        raise BackendUnavailable(f"{runs} {family} graphs; use a bundle of the family {names}")
    for candidate in wanted:
        if candidate.available:
            module, _, name = candidate.adapter.partition(":")
            runtime: Runtime = getattr(importlib.import_module(module), name)(threads)
            return runtime
    raise BackendUnavailable(
        f"{family} graphs need {' or '.join(b.requires for b in wanted)}, which is not installed: {wanted[0].install}"
    )
