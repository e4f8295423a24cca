"""A torch module with the inputs and outputs of a `GraphSpec` as a LiteRT graph in float32."""

import logging
import tempfile
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from densepose_mobile.convert.flatbuffer import shorten_names
from densepose_mobile.convert.tracing import conversion, sample_inputs
from densepose_mobile.spec import GraphSpec

__all__ = ["to_litert"]

_log = logging.getLogger(__name__)


class _Named(nn.Module):
    """Keyword inputs and a dict of outputs, so that the converted graph's signature has the spec's names."""

    def __init__(self, module: nn.Module, graph: GraphSpec) -> None:
        super().__init__()
        self.module = module
        self.inputs = [tensor.name for tensor in graph.inputs]
        self.outputs = [tensor.name for tensor in graph.outputs]

    def forward(self, **arrays: Tensor) -> dict[str, Tensor]:
        outputs = self.module(*(arrays[name] for name in self.inputs))
        return dict(zip(self.outputs, outputs, strict=True))


def to_litert(module: nn.Module, graph: GraphSpec) -> bytes:
    """Trace and convert.

    module: in evaluation mode; takes and returns the tensors of `graph` in its order, channels last. The permutations
    to torch's own layout inside of it disappear in the conversion. The signature names tensors as `graph` does.

    Raises:
        ConversionError: the module does not fit `graph`, or holds something that LiteRT cannot express.
    """
    samples = sample_inputs(module, graph)
    with conversion(graph, "LiteRT"), tempfile.TemporaryDirectory() as folder:
        import litert_torch  # takes seconds, and prints

        converted: Any = litert_torch.convert(_Named(module, graph).eval(), sample_kwargs=samples)
        path = Path(folder) / "graph.tflite"
        converted.export(str(path))
        model = shorten_names(path.read_bytes())
    _log.info("converted %s to LiteRT, %.2f MB in float32", graph.name, len(model) / 1e6)
    return model
