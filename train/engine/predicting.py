"""A network behind the SDK's own predictor, so that training looks at photos exactly as a device does."""

import numpy as np
import torch
from numpy.typing import NDArray

from densepose_mobile.bundle import Bundle
from densepose_mobile.bundle.manifest import Manifest
from densepose_mobile.options import Options
from densepose_mobile.predictor import DensePose
from densepose_mobile.runtime import Graph, Placement
from densepose_mobile.spec import GraphSpec
from densepose_mobile.train.models.graphs import GraphNetwork, graph_module

__all__ = ["NetworkRuntime", "network_predictor"]


class _NetworkGraph:
    placement = Placement("torch", ("torch",), (), None)

    def __init__(self, spec: GraphSpec, module: torch.nn.Module) -> None:
        self._spec = spec
        self._module = module

    @property
    def spec(self) -> GraphSpec:
        """Inputs and outputs, in call order."""
        return self._spec

    @torch.no_grad()
    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run in torch."""
        return tuple(value.numpy() for value in self._module(*map(torch.from_numpy, inputs)))


class NetworkRuntime:
    """Runs the graphs of one network in this process; the models that it is given to load are not looked at."""

    name = "torch"

    def __init__(self, network: GraphNetwork) -> None:
        self._network = network

    def load(self, spec: GraphSpec, model: bytes) -> Graph:
        """The network's graph of that name."""
        return _NetworkGraph(spec, graph_module(self._network, spec))


def network_predictor(network: GraphNetwork, options: Options | None = None) -> DensePose:
    """A predictor over the present weights of a student, or of a teacher that was taught to find people."""
    manifest = Manifest("network", "0", "litert-fp32", network.spec, "")
    members = {manifest.member(graph.name): b"" for graph in network.spec.graphs()}
    return DensePose(Bundle(manifest, members, "<network>"), NetworkRuntime(network), options)
