"""A network as the static graphs of `ModelSpec`: channels-last inputs and outputs, in call order."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from densepose_mobile.spec import MAP_OUTPUTS, GraphSpec, ModelSpec

__all__ = ["DenseGraph", "DetectGraph", "GraphNetwork", "TrackGraph", "graph_module"]


class GraphNetwork(Protocol):
    """A network with the student's three calls (see `Student`)."""

    spec: ModelSpec

    def detect(self, image: Tensor) -> dict[str, Tensor]:
        """Whole pictures -> features, scores, boxes."""
        ...

    def dense(self, features: Tensor, wy: Tensor, wx: Tensor) -> dict[str, Tensor]:
        """Features and the weights of regions -> maps."""
        ...

    def track(self, image: Tensor) -> dict[str, Tensor]:
        """Crops -> maps, presence, box."""
        ...


def _last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


class DetectGraph(nn.Module):
    """image (1, S, S, 3) -> features (1, S/4, S/4, C), scores (1, L, 1), boxes (1, L, 4)."""

    def __init__(self, network: GraphNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Run `detect`."""
        out = self.network.detect(image.permute(0, 3, 1, 2))
        return _last(out["features"]), out["scores"], out["boxes"]


class DenseGraph(nn.Module):
    """features (1, S/4, S/4, C), wy (N, 28, S/4), wx (N, 28, S/4) -> the five maps (N, 56, 56, 1 or 24)."""

    def __init__(self, network: GraphNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, wy: Tensor, wx: Tensor) -> tuple[Tensor, ...]:
        """Run `dense`."""
        maps = self.network.dense(features.permute(0, 3, 1, 2), wy, wx)
        return tuple(_last(maps[name]) for name in MAP_OUTPUTS)


class TrackGraph(nn.Module):
    """image (1, S, S, 3) -> the five maps (1, 56, 56, 1 or 24), presence (1, 1), box (1, 4)."""

    def __init__(self, network: GraphNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Run `track`."""
        out = self.network.track(image.permute(0, 3, 1, 2))
        return (*(_last(out[name]) for name in MAP_OUTPUTS), out["presence"], out["box"])


def graph_module(network: GraphNetwork, graph: GraphSpec) -> nn.Module:
    """The module, in evaluation mode, with exactly the inputs and outputs of `graph`.

    Raises:
        ValueError: `graph` is none of the network's.
    """
    kinds: dict[str, Callable[[GraphNetwork], nn.Module]] = {
        "detect": DetectGraph,
        "dense": DenseGraph,
        "track": TrackGraph,
    }
    kind = graph.name.split("_")[0]
    if kind not in kinds or graph not in network.spec.graphs():
        names = ", ".join(known.name for known in network.spec.graphs())
        raise ValueError(f"graph {graph.name!r} is not one of this network's: {names}")
    return kinds[kind](network).eval()
