"""A runtime whose graphs compute maps analytically, so that the predictor is tested without a model.

A person is a rectangle painted in pure red, green or blue on grey. Its left half is part 3, 5 or 23 (by colour), its
right half the next part; U and V run from 0 to 1 across and down the rectangle. These parts and their U mirror each
other, so that the mirror image of a picture says the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.bundle import Bundle, Manifest, write_bundle
from densepose_mobile.options import Options
from densepose_mobile.postprocess.decode import locations
from densepose_mobile.predictor import DensePose
from densepose_mobile.runtime import Placement
from densepose_mobile.spec import GraphSpec, ModelSpec

Floats = NDArray[np.float32]
SCORE_LOGITS = (3.0, 2.0, 1.0)  # red is the surest
LEFT_PARTS = (3, 5, 23)  # of red, green and blue
MODEL = b"every graph"


@dataclass(eq=False)
class FakeRuntime:
    """Counts its calls by graph; `presence` is the logit that `track` gives."""

    name: str = "fake"
    presence: float = 5.0
    calls: list[str] = field(default_factory=list)

    def load(self, spec: GraphSpec, model: bytes) -> "FakeGraph":
        assert model == MODEL
        return FakeGraph(self, spec)


@dataclass(eq=False)
class FakeGraph:
    runtime: FakeRuntime
    spec: GraphSpec
    placement: Placement = field(default_factory=lambda: Placement("NumPy", ("NumPy",), (), None))

    def __call__(self, *inputs: Floats) -> tuple[Floats, ...]:
        assert [array.shape for array in inputs] == [tensor.shape for tensor in self.spec.inputs]
        self.runtime.calls.append(self.spec.name)
        if self.spec.name == "detect":
            outputs = self._detect(*inputs)
        elif self.spec.name == "track":
            outputs = self._track(*inputs)
        else:
            outputs = self._dense(*inputs)
        assert [array.shape for array in outputs] == [tensor.shape for tensor in self.spec.outputs]
        return outputs

    def _detect(self, image: Floats) -> tuple[Floats, ...]:
        spec = ModelSpec()
        found = rectangles(image[0])
        centres, strides = locations(spec)
        scores = np.full((1, spec.num_locations, 1), -9, np.float32)
        boxes = np.zeros((1, spec.num_locations, 4), np.float32)
        for colour, box in found.items():
            edges = np.concatenate([centres - box[:2], box[2:] - centres], axis=1)
            central = edges.min(1) / strides
            rows = np.flatnonzero(central > np.sort(central)[-3] - 1e-3)  # three or more, so that suppression has work
            scores[0, rows, 0] = SCORE_LOGITS[colour]
            boxes[0, rows] = edges[rows] / strides[rows, None]
        # Ramps in x and y: pooling them tells `dense` where its RoI lies. The rectangles go along in a corner.
        cells = spec.detect_size // spec.feature_stride
        ramp = (np.arange(cells, dtype=np.float32) + 0.5) * spec.feature_stride
        features = np.zeros((1, cells, cells, spec.feature_channels), np.float32)
        features[0, :, :, 0], features[0, :, :, 1] = ramp, ramp[:, None]
        for colour, box in found.items():
            features[0, 0, colour, 2:] = [1, *box, *[0] * (spec.feature_channels - 7)]
        return features, scores, boxes

    def _dense(self, features: Floats, wy: Floats, wx: Floats) -> tuple[Floats, ...]:
        maps = []
        found = {colour: features[0, 0, colour, 3:7] for colour in range(3) if features[0, 0, colour, 2]}
        for down, across in zip(wy, wx, strict=True):
            x0, x1 = extent(across @ features[0, 0, :, 0], across)
            y0, y1 = extent(down @ features[0, :, 0, 1], down)
            roi = np.array([x0, y0, x1, y1])
            maps.append(analytic_maps(found, roi, ModelSpec().map_size))
        return tuple(np.stack(outputs) for outputs in zip(*maps, strict=True))

    def _track(self, image: Floats) -> tuple[Floats, ...]:
        spec = ModelSpec()
        found = rectangles(image[0])
        maps = analytic_maps(found, np.array(spec.track_roi), spec.map_size)
        presence = np.array([[self.runtime.presence]], np.float32)
        return (*(output[None] for output in maps), presence, np.array([[0.1, 0.1, 0.9, 0.9]], np.float32))


def rectangles(image: Floats) -> dict[int, Floats]:
    """Colour -> xyxy px of the rectangle of that colour, from how much of each row and column it covers."""
    found = {}
    for colour in range(3):
        others = image[..., [c for c in range(3) if c != colour]].max(-1)
        cover = np.clip((image[..., colour] - others) / 2, 0, 1)
        across, down = cover.max(0), cover.max(1)
        if across.max() > 0.5:
            position = np.arange(len(image)) + 0.5
            size = np.array([across.sum(), down.sum()])
            centre = np.array([across @ position, down @ position]) / size
            found[colour] = np.concatenate([centre - size / 2, centre + size / 2]).astype(np.float32)
    return found


def extent(pooled: Floats, weights: Floats) -> tuple[float, float]:
    """Both ends of an RoI along one axis, from a pooled ramp; cells at the picture's border do not read it right."""
    sound = np.isclose(weights.sum(1), 1) & (weights[:, 0] == 0) & (weights[:, -1] == 0)
    if sound.sum() < 2:
        return 0.0, 0.0  # a batch's filling
    step, start = np.polyfit(np.flatnonzero(sound) + 0.5, pooled[sound], 1)
    return float(start), float(start + step * len(pooled))


def analytic_maps(found: dict[int, Floats], roi: NDArray[np.floating], size: int) -> tuple[Floats, ...]:
    """Maps of the rectangle that overlaps the RoI most; foreground is the signed distance to its outline in px."""
    fraction = (np.arange(size) + 0.5) / size
    x = roi[0] + (roi[2] - roi[0]) * fraction[None]
    y = roi[1] + (roi[3] - roi[1]) * fraction[:, None]
    shape = (size, size, 1)
    parts = np.full((size, size, 24), -50, np.float32)
    if not found:
        nothing = np.zeros((size, size, 24), np.float32)
        return np.full(shape, -5, np.float32), parts, nothing, nothing, np.zeros(shape, np.float32)

    def shared(colour: int) -> float:
        box = found[colour]
        side = np.minimum(box[2:], roi[2:]) - np.maximum(box[:2], roi[:2])
        return float(np.prod(np.maximum(side, 0)) / np.prod(np.maximum(roi[2:] - roi[:2], box[2:] - box[:2])))

    colour = max(found, key=shared)
    x0, y0, x1, y1 = found[colour]
    foreground = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(y - y0, y1 - y))
    middle = np.broadcast_to((x0 + x1) / 2 - x, (size, size))
    left = LEFT_PARTS[colour] - 1
    parts[..., left], parts[..., left + 1] = middle, -middle
    u = np.broadcast_to(np.clip((x - x0) / (x1 - x0), 0, 1)[..., None], parts.shape).astype(np.float32)
    v = np.broadcast_to(np.clip((y - y0) / (y1 - y0), 0, 1)[..., None], parts.shape).astype(np.float32)
    return foreground[..., None].astype(np.float32), parts, u, v, np.full(shape, 2, np.float32)


@pytest.fixture
def fake_runtime() -> FakeRuntime:
    return FakeRuntime()


@pytest.fixture(scope="session")
def fake_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose graphs hold nothing."""
    spec = ModelSpec()
    path: Path = tmp_path_factory.mktemp("fake") / "fake.dpm"
    manifest = Manifest("fake", "1", "litert-fp32", spec, "no atlas")
    write_bundle(path, manifest, {graph.name: MODEL for graph in spec.graphs()}, {})
    return Bundle.open(path)


@pytest.fixture
def fake_model(fake_runtime: FakeRuntime, fake_bundle: Bundle) -> Callable[..., DensePose]:
    """Make a model of the fake runtime; keywords are options."""
    return lambda **options: DensePose(fake_bundle, fake_runtime, Options(**options))
