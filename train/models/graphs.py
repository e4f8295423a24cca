"""The student as the static graphs of `ModelSpec`: channels-last inputs and outputs, in call order."""

from torch import Tensor, nn

from densepose_mobile.spec import MAP_OUTPUTS, GraphSpec
from densepose_mobile.train.models.student import Student

__all__ = ["DenseGraph", "DetectGraph", "TrackGraph", "graph_module"]


def _last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


class DetectGraph(nn.Module):
    """image (1, S, S, 3) -> features (1, S/4, S/4, C), scores (1, L, 1), boxes (1, L, 4)."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Run `Student.detect`."""
        out = self.student.detect(image.permute(0, 3, 1, 2))
        return _last(out["features"]), out["scores"], out["boxes"]


class DenseGraph(nn.Module):
    """features (1, S/4, S/4, C), wy (N, 28, S/4), wx (N, 28, S/4) -> the five maps (N, 56, 56, 1 or 24)."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, features: Tensor, wy: Tensor, wx: Tensor) -> tuple[Tensor, ...]:
        """Run `Student.dense`."""
        maps = self.student.dense(features.permute(0, 3, 1, 2), wy, wx)
        return tuple(_last(maps[name]) for name in MAP_OUTPUTS)


class TrackGraph(nn.Module):
    """image (1, S, S, 3) -> the five maps (1, 56, 56, 1 or 24), presence (1, 1), box (1, 4)."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Run `Student.track`."""
        out = self.student.track(image.permute(0, 3, 1, 2))
        return (*(_last(out[name]) for name in MAP_OUTPUTS), out["presence"], out["box"])


def graph_module(student: Student, graph: GraphSpec) -> nn.Module:
    """The module, in evaluation mode, with exactly the inputs and outputs of `graph`.

    Raises:
        ValueError: `graph` is none of the student's.
    """
    kinds: dict[str, type[nn.Module]] = {"detect": DetectGraph, "dense": DenseGraph, "track": TrackGraph}
    kind = graph.name.split("_")[0]
    if kind not in kinds or graph not in student.spec.graphs():
        names = ", ".join(known.name for known in student.spec.graphs())
        raise ValueError(f"graph {graph.name!r} is not one of this student's: {names}")
    return kinds[kind](student).eval()
