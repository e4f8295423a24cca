"""A torch module with the inputs and outputs of a `GraphSpec` as an ExecuTorch program for one delegate."""

import logging
from typing import Any, Final, Literal, get_args

from torch import nn

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.tracing import conversion, trace
from densepose_mobile.spec import GraphSpec

__all__ = ["DELEGATES", "Delegate", "to_executorch"]

_log = logging.getLogger(__name__)

Delegate = Literal["xnnpack", "coreml", "vulkan"]
DELEGATES: Final[tuple[Delegate, ...]] = get_args(Delegate)


def to_executorch(module: nn.Module, graph: GraphSpec, delegate: Delegate = "xnnpack") -> bytes:
    """Trace, and lower as much as the delegate takes.

    module: in evaluation mode; takes and returns the tensors of `graph` in its order, channels last. The program has
    them in that order too: ExecuTorch names no tensors.
    delegate: "xnnpack" (float32, any processor), "coreml" (float16, iOS 17) or "vulkan" (float32, Android's graphics
    processor). Operators that it does not take stay in the program as portable kernels.

    Raises:
        ConversionError: the module does not fit `graph`, or holds something that ExecuTorch cannot express.
    """
    if delegate not in DELEGATES:
        raise ConversionError(f"ExecuTorch has no delegate {delegate!r} here: one of {', '.join(DELEGATES)}")
    program = trace(module, graph)
    with conversion(graph, f"ExecuTorch for {delegate}"):
        from executorch.exir import to_edge_transform_and_lower  # takes seconds

        lowered: Any = to_edge_transform_and_lower(program, partitioner=[_partitioner(delegate)])
        model = bytes(lowered.to_executorch().buffer)
    _log.info("converted %s to ExecuTorch for %s, %.2f MB", graph.name, delegate, len(model) / 1e6)
    return model


def _partitioner(delegate: Delegate) -> Any:
    if delegate == "xnnpack":
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

        return XnnpackPartitioner()
    if delegate == "vulkan":
        from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

        return VulkanPartitioner()
    import coremltools
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    return CoreMLPartitioner(
        compile_specs=CoreMLBackend.generate_compile_specs(
            minimum_deployment_target=coremltools.target.iOS17, compute_precision=coremltools.precision.FLOAT16
        )
    )
