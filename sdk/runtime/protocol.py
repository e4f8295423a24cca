"""The protocol of a runtime, so that the predictor, the parity checks and the tests know no third-party runtime."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BundleError, InputError
from densepose_mobile.spec import GraphSpec, TensorSpec

__all__ = ["Graph", "Placement", "Runtime", "check_inputs", "check_named_tensors", "check_tensors"]

_FEW: Final = 6  # kinds of operators that are named


@dataclass(frozen=True)
class Placement:
    """Where a graph was asked to run and where it does, as far as its runtime tells."""

    requested: str  # the delegate or provider that was asked for
    used: tuple[str, ...]  # what the graph's parts lie on, one entry a partition
    elsewhere: tuple[str, ...] | None  # operators not on what was requested; None where the runtime does not tell
    threads: int | None  # of each call; None where the runtime takes no number of threads
    note: str = ""  # what the reader must know besides

    @property
    def complete(self) -> bool:
        """Whether the whole graph is known to lie on what was requested."""
        return self.elsewhere == ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for people."""
        counts = {name: self.used.count(name) for name in self.used}
        words = [" + ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())]
        if self.elsewhere:
            kinds = list(dict.fromkeys(self.elsewhere))
            shown = ", ".join(kinds[:_FEW]) + (", ..." if len(kinds) > _FEW else "")
            count = len(self.elsewhere)
            words.append(f"{count} operator{'s' * (count > 1)} off {self.requested}: {shown}")
        elif self.elsewhere is None:
            words.append(f"requested {self.requested}, which operators it took is not told")
        words.append("threads not settable" if self.threads is None else f"threads {self.threads}")
        return "; ".join([*words, *([self.note] if self.note else [])])


class Graph(Protocol):
    """One static graph, ready to run. Graphs of one model are not for use by several threads at once."""

    @property
    def spec(self) -> GraphSpec:
        """Inputs and outputs, in call order."""

    @property
    def placement(self) -> Placement:
        """Where it runs."""

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run. Inputs in the order of the spec, float32; outputs likewise, and theirs to keep."""


class Runtime(Protocol):
    """A third-party runtime on this machine."""

    @property
    def name(self) -> str:
        """As given to `open_runtime`."""

    def load(self, spec: GraphSpec, model: bytes) -> Graph:
        """Prepare a graph.

        model: the file that holds it, maybe among others. Those that are loaded from the same object share its memory.
        Raises BundleError where the model does not have the inputs and outputs of the spec, BackendUnavailable where
        the runtime cannot run it.
        """


def check_inputs(spec: GraphSpec, inputs: tuple[NDArray[Any], ...]) -> tuple[NDArray[np.float32], ...]:
    """The inputs as contiguous float32. Raises InputError where their number or shapes are not the spec's."""
    shapes = [np.shape(array) for array in inputs]
    expected = [tensor.shape for tensor in spec.inputs]
    if shapes != expected:
        names = ", ".join(tensor.name for tensor in spec.inputs)
        raise InputError(f"graph {spec.name!r} takes ({names}) of shapes {expected}, got {shapes}")
    return tuple(np.ascontiguousarray(array, np.float32) for array in inputs)


def check_tensors(
    graph: str, side: str, tensors: tuple[TensorSpec, ...], found: list[tuple[tuple[int, ...], str]]
) -> None:
    """Compare a model's tensors with its spec's.

    side: "input" or "output". found: (shape, dtype) of each, in the spec's order. Raises BundleError where they differ.
    """
    expected = [(tensor.shape, "float32") for tensor in tensors]
    if found != expected:
        raise BundleError(
            f"graph {graph!r} has the {side}s {found}, its spec says {expected}; convert the model again from its spec"
        )


def check_named_tensors(
    graph: str, side: str, tensors: tuple[TensorSpec, ...], found: Mapping[str, tuple[tuple[int, ...], str]]
) -> None:
    """The same for a model whose tensors have names: found by name, in any order."""
    names = [tensor.name for tensor in tensors]
    if sorted(found) != sorted(names):
        raise BundleError(
            f"graph {graph!r} has the {side}s {sorted(found)}, its spec says {sorted(names)}; "
            "convert the model again from its spec"
        )
    check_tensors(graph, side, tensors, [found[name] for name in names])
