"""The contract of the three graphs, stated once: read by training, tracing, calibration, runtimes and tests."""

from dataclasses import dataclass
from typing import Final

from densepose_mobile.parts import NUM_PARTS

__all__ = ["MAP_OUTPUTS", "GraphSpec", "ModelSpec", "TensorSpec"]

MAP_OUTPUTS: Final = ("foreground", "parts", "u", "v", "confidence")
"""Outputs of the dense head, the same in `dense` and `track`."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a graph: float32, channels last."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class GraphSpec:
    """One static graph: its inputs and outputs in call order."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class ModelSpec:
    """Sizes that fix every tensor of a model.

    Pictures are RGB, scaled as (x - 127.5) / 127.5. `detect` takes a letterboxed square picture; `track` takes a
    square crop whose side is `track_margin` times the longer side of the person's box.
    """

    detect_size: int = 320  # px, side of the square picture of `detect`
    track_size: int = 192  # px, side of the square crop of `track`
    track_margin: float = 1.4  # crop side / longer side of the person's box
    roi_margin: float = 1.25  # RoI side / box side
    roi_min_aspect: float = 0.5  # an RoI's shorter side is at least this fraction of its longer side
    feature_channels: int = 64
    feature_stride: int = 4
    level_strides: tuple[int, ...] = (4,)  # anchor-free detection levels
    roi_size: int = 28  # cells of the pooled RoI
    map_size: int = 56  # cells of the dense maps
    roi_batches: tuple[int, ...] = (1, 4)  # RoIs per call of the `dense` graphs

    @property
    def num_locations(self) -> int:
        """Rows of `detect`'s scores and boxes: levels in order, each row-major."""
        return sum((self.detect_size // stride) ** 2 for stride in self.level_strides)

    def maps(self, rois: int) -> tuple[TensorSpec, ...]:
        """Outputs of the dense head.

        foreground, parts and confidence are logits; parts, u and v have one channel per part 1..24; u, v are 0..1.
        """
        channels = {"foreground": 1, "parts": NUM_PARTS, "u": NUM_PARTS, "v": NUM_PARTS, "confidence": 1}
        return tuple(TensorSpec(name, (rois, self.map_size, self.map_size, channels[name])) for name in MAP_OUTPUTS)

    def detect(self) -> GraphSpec:
        """Whole picture -> stride-4 features, score logits, boxes as left, top, right, bottom distances in strides."""
        cells = self.detect_size // self.feature_stride
        return GraphSpec(
            "detect",
            (TensorSpec("image", (1, self.detect_size, self.detect_size, 3)),),
            (
                TensorSpec("features", (1, cells, cells, self.feature_channels)),
                TensorSpec("scores", (1, self.num_locations, 1)),
                TensorSpec("boxes", (1, self.num_locations, 4)),
            ),
        )

    def dense(self, rois: int) -> GraphSpec:
        """Features and separable RoI weights of a fixed number of RoIs -> maps."""
        cells = self.detect_size // self.feature_stride
        return GraphSpec(
            f"dense_{rois}",
            (
                TensorSpec("features", (1, cells, cells, self.feature_channels)),
                TensorSpec("wy", (rois, self.roi_size, cells)),
                TensorSpec("wx", (rois, self.roi_size, cells)),
            ),
            self.maps(rois),
        )

    def track(self) -> GraphSpec:
        """One person's crop -> maps of its central RoI, presence logit, box (x0, y0, x1, y1 in crop units 0..1)."""
        return GraphSpec(
            "track",
            (TensorSpec("image", (1, self.track_size, self.track_size, 3)),),
            (*self.maps(1), TensorSpec("presence", (1, 1)), TensorSpec("box", (1, 4))),
        )

    @property
    def track_roi(self) -> tuple[float, float, float, float]:
        """The fixed RoI of `track` as x0, y0, x1, y1 px in the crop: the box grown by `roi_margin`, square."""
        side = self.track_size * self.roi_margin / self.track_margin
        low = (self.track_size - side) / 2
        return (low, low, low + side, low + side)

    def graphs(self) -> tuple[GraphSpec, ...]:
        """Every graph of a bundle: detect, dense_1, dense_4, track."""
        return (self.detect(), *(self.dense(rois) for rois in self.roi_batches), self.track())
