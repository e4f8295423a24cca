"""What every converter does first: check a module against its `GraphSpec`, and trace it."""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.spec import GraphSpec

__all__ = ["conversion", "operator_of", "sample_inputs", "trace"]

_OPERATOR: Final = re.compile(r"""\baten(?:\.|::)\w+(?:\.(?:default|[A-Z]\w*))?|(?<=for op ['"`])\w+""")
_LENGTH: Final = 300  # characters of a converter's message that are passed on


def sample_inputs(module: nn.Module, graph: GraphSpec) -> dict[str, Tensor]:
    """Zeros for every input of a graph, by name.

    Raises:
        ConversionError: the module, given them, returns other shapes than `graph` says.
    """
    samples = {tensor.name: torch.zeros(tensor.shape) for tensor in graph.inputs}
    with torch.inference_mode():
        shapes = tuple(tuple(output.shape) for output in module(*samples.values()))
    expected = tuple(tensor.shape for tensor in graph.outputs)
    if shapes != expected:
        raise ConversionError(f"graph {graph.name!r} gives {shapes}, its spec says {expected}; correct the network")
    return samples


def trace(module: nn.Module, graph: GraphSpec) -> ExportedProgram:
    """The module as a program of `aten` operators with static shapes. Raises ConversionError."""
    samples = sample_inputs(module, graph)
    with conversion(graph, "a static program"):
        return torch.export.export(module, tuple(samples.values()))


@contextlib.contextmanager
def conversion(graph: GraphSpec, target: str) -> Iterator[None]:
    """Keep a converter's chatter to itself, and turn whatever its many layers raise into a ConversionError.

    The error names the graph, what it should have become, and the operator, where any message in the chain of
    exceptions names one.
    """
    noise = io.StringIO()
    level = logging.root.manager.disable
    try:
        logging.disable(logging.WARNING)
        with warnings.catch_warnings(), contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
            warnings.simplefilter("ignore")
            yield
    except ConversionError:
        raise
    except ModuleNotFoundError:
        raise  # an extra that is missing is no fault of the graph
    except Exception as error:
        operator = operator_of(error)
        fault = f"operator {operator}: " if operator else ""
        first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise ConversionError(
            f"graph {graph.name!r} cannot be converted to {target}: {fault}{first[:_LENGTH]}"
        ) from error
    finally:
        logging.disable(level)


def operator_of(error: BaseException) -> str | None:
    """The operator that a converter's exception speaks of, innermost cause first; None where none is named."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in reversed(chain):
        found = _OPERATOR.search(str(link))
        if found:
            return found.group().replace("::", ".")
    return None
