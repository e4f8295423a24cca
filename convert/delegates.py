"""Whether a graph lies wholly on one delegate. A graph that silently falls back to plain kernels is a defect."""

from collections import Counter

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import GraphFile, Operator, read_delegates, read_graph

__all__ = ["left_out", "require_one_delegate"]


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


def require_one_delegate(name: str, model: bytes) -> Counter[str]:
    """Check that LiteRT gives the whole graph to one XNNPACK delegate; return how many operators of each kind it has.

    Raises:
        ConversionError: no delegate, several, or operators outside of it.
    """
    graph = read_graph(model)
    delegates = read_delegates(model)
    outside = left_out(graph, delegates)
    if len(delegates) != 1 or outside:
        shown = ", ".join(outside[:6]) or "none could be named"
        raise ConversionError(
            f"graph {name!r} lies on {len(delegates)} delegates instead of wholly on one; at its borders: {shown}. "
            "Rewrite these operators in the network, or keep them in floating point where XNNPACK has no int8 kernel"
        )
    return Counter(operator.kind for operator in graph.operators)
