"""Where the operators of a converted graph lie. A graph that silently falls back to plain kernels is a defect."""

import io
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import GraphFile, Operator, read_delegates, read_graph
from densepose_mobile.errors import BundleError
from densepose_mobile.runtime.pte import read_parts

__all__ = ["Coverage", "coverage_of", "left_out"]

_PROVIDER: Final = "CPUExecutionProvider"
_PROTO: Final = "model.mlmodel"
_SHOWN: Final = 6


@dataclass(frozen=True)
class Coverage:
    """partitions: parts of the graph that lie on `on`. operators: how many of each kind, as far as the file tells."""

    on: str  # delegate, execution provider or operator set
    partitions: int
    outside: tuple[str, ...]  # operators that lie elsewhere, by name
    operators: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {"on": self.on, "partitions": self.partitions, "outside": list(self.outside)}
        return {**values, "operators": dict(self.operators)} if self.operators else values

    def require_whole(self, graph: str) -> None:
        """Raise ConversionError, with the operators' names, unless the whole graph lies in one partition."""
        if self.partitions != 1 or self.outside:
            shown = ", ".join(self.outside[:_SHOWN]) or "none could be named"
            more = f" and {len(self.outside) - _SHOWN} more" if len(self.outside) > _SHOWN else ""
            raise ConversionError(
                f"graph {graph!r} makes {self.partitions} partitions on {self.on} instead of lying wholly on one; "
                f"outside, or at the borders: {shown}{more}. Rewrite these operators in the network"
            )


def coverage_of(family: str, graph: str, model: bytes) -> Coverage:
    """Read a graph's coverage from its bytes, with the tools of its family. graph: its name, for messages.

    Raises:
        ConversionError: the tools cannot read or place the graph.
    """
    readers: dict[str, Callable[[bytes], Coverage]] = {
        "litert": _litert,
        "onnx": _onnx,
        "executorch": _executorch,
        "coreml": _coreml,
    }
    try:
        return readers[family.partition("-")[0]](model)
    except (BundleError, ConversionError) as error:
        raise ConversionError(f"graph {graph!r}: {error}") from error


def left_out(graph: GraphFile, delegates: tuple[Operator, ...]) -> tuple[str, ...]:
    """Operators that are known to run outside of the one delegate, as "KIND name"; empty when all run inside.

    With one delegate node, an operator outside of it either computes one of its inputs, or one of the graph's outputs
    (from the delegate's outputs, or beside it): anything in the middle would have split the delegate in two.
    """
    producers = graph.producers()
    replaced = {tensor for node in delegates for tensor in node.outputs}
    fed = {tensor for node in delegates for tensor in node.inputs if tensor in producers and tensor not in replaced}
    outside = fed | (set(graph.outputs) - replaced)
    if len(delegates) > 1:
        outside |= {tensor for node in delegates for tensor in node.inputs if tensor in producers}
    return tuple(
        sorted({f"{producers[tensor].kind} {graph.names[tensor]}" for tensor in outside if tensor in producers})
    )


def _litert(model: bytes) -> Coverage:
    graph, delegates = read_graph(model), read_delegates(model)
    kinds = Counter(operator.kind for operator in graph.operators)
    return Coverage("XNNPACK", len(delegates), left_out(graph, delegates), kinds)


def _executorch(model: bytes) -> Coverage:
    parts = read_parts(model)
    on = ", ".join(dict.fromkeys(parts.delegates)) or "no delegate"
    return Coverage(on, len(parts.delegates), parts.operators)


def _onnx(model: bytes) -> Coverage:
    """As ONNX Runtime places the operators once it has simplified the graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    try:
        session = onnxruntime.InferenceSession(model, options, providers=[_PROVIDER])
        assigned = session.get_provider_graph_assignment_info()
    except AttributeError as error:
        raise ConversionError(
            f"onnxruntime {onnxruntime.__version__} does not tell where operators lie: pip install -U onnxruntime"
        ) from error
    except Exception as error:  # its exceptions have no base but Exception
        raise ConversionError(f"ONNX Runtime cannot place every operator: {error}") from error
    placed = [(str(part.ep_name), node) for part in assigned for node in part.get_nodes()]
    outside = tuple(f"{node.op_type} {node.name}" for provider, node in placed if provider != _PROVIDER)
    kinds = Counter(str(node.op_type) for _, node in placed)
    return Coverage(_PROVIDER, len({provider for provider, _ in placed}), outside, kinds)


def _coreml(package: bytes) -> Coverage:
    """Operators of the ML program, and those that are not in the operator set of iOS 17.

    Which of them the CPU, the GPU and the Neural Engine take is known on Apple's hardware alone.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import coremltools as ct
        from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry
        from coremltools.proto import Model_pb2
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            member = next(name for name in archive.namelist() if name.endswith(_PROTO))
            model = Model_pb2.Model.FromString(archive.read(member))
    except (zipfile.BadZipFile, StopIteration) as error:
        raise ConversionError(f"{_PROTO} is missing from the package; convert the model again") from error
    kinds: Counter[str] = Counter()
    outside = []
    for operation in _operations(model.mlProgram):
        if operation.type != "const":
            kinds[operation.type] += 1
        if ct.target.iOS17 not in SSAOpRegistry.core_ops.get(operation.type, {}):
            outside.append(f"{operation.type} {operation.outputs[0].name if operation.outputs else ''}".strip())
    return Coverage("operators of iOS 17", len(model.mlProgram.functions), tuple(outside), kinds)


def _operations(program: Any) -> Iterator[Any]:
    def within(blocks: Iterable[Any]) -> Iterator[Any]:
        for block in blocks:
            for operation in block.operations:
                yield operation
                yield from within(operation.blocks)

    for function in program.functions.values():
        yield from within(function.block_specializations.values())
