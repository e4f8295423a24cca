"""A torch module with the inputs and outputs of a `GraphSpec` as an ONNX graph in float32."""

import logging
from typing import Any, Final

import torch
from torch import nn

from densepose_mobile.convert.tracing import conversion, trace
from densepose_mobile.spec import GraphSpec

__all__ = ["OPSET", "to_onnx"]

_log = logging.getLogger(__name__)

OPSET: Final = 20
"""Operator set of the graphs: ONNX Runtime reads it since 1.17."""

_SCOPES: Final = "pkg.torch.onnx.name_scopes"


def to_onnx(module: nn.Module, graph: GraphSpec) -> bytes:
    """Trace and convert.

    module: in evaluation mode; takes and returns the tensors of `graph` in its order, channels last. Inputs and outputs
    of the ONNX graph have the names of `graph`; nodes are named by their modules' paths.

    Raises:
        ConversionError: the module does not fit `graph`, or holds something that ONNX cannot express.
    """
    program = trace(module, graph)
    with conversion(graph, "ONNX"):
        converted = torch.onnx.export(
            program,
            input_names=[tensor.name for tensor in graph.inputs],
            output_names=[tensor.name for tensor in graph.outputs],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        assert converted is not None
        model = _plain(converted.model_proto).SerializeToString(deterministic=True)
    _log.info("converted %s to ONNX, %.2f MB", graph.name, len(model) / 1e6)
    return model


def _plain(model: Any) -> Any:
    """Drop the exporter's notes: stack traces of this machine, and hundreds of kilobytes of scopes."""
    for node in model.graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")
        path = [scope.strip("' ") for scope in scopes.strip("[]").split(",")]
        if len(path) > 1:
            node.name = ".".join(part for part in path[-2:] if part)
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    for values in (model.graph.value_info, model.graph.input, model.graph.output, model.graph.initializer):
        for value in values:
            value.ClearField("doc_string")
            value.ClearField("metadata_props")
    for holder in (model, model.graph):
        holder.ClearField("doc_string")
        holder.ClearField("metadata_props")
    model.graph.name = "densepose_mobile"
    return model
