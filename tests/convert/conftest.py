"""A student of a few layers with the real one's methods, and its converted graphs."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.calibration.dataset import CalibrationSet, write_calibration_set
from densepose_mobile.calibration.pictures import PictureSources
from densepose_mobile.convert.coverage import Coverage
from densepose_mobile.convert.network import Network, Quantisation
from densepose_mobile.convert.pipeline import lower_graphs
from densepose_mobile.convert.targets import TARGETS
from densepose_mobile.spec import MAP_OUTPUTS, ModelSpec
from densepose_mobile.train.models.layers import downsample
from densepose_mobile.train.models.roi import pool_rois

SPEC = ModelSpec(
    detect_size=64,
    track_size=64,
    feature_channels=8,
    level_strides=(8, 16, 32),
    roi_size=8,
    map_size=16,
    roi_batches=(2,),
)

Lowered = Callable[[str], tuple[dict[str, bytes], dict[str, Coverage]]]


class TinyStudent(nn.Module):
    """Same inputs, outputs and kinds of layers as the student."""

    spec = SPEC

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 4)
        self.deeper = nn.ModuleList(nn.Conv2d(8, 8, 3, 2, groups=8) for _ in range(3))
        self.score, self.box = nn.Conv2d(8, 1, 1), nn.Conv2d(8, 4, 1)
        self.head = nn.Conv2d(8, 8, 3, padding=1)
        self.outputs = nn.ModuleDict(
            {name: nn.Conv2d(8, 24 if name in ("parts", "u", "v") else 1, 1) for name in MAP_OUTPUTS}
        )
        self.presence, self.tight = nn.Conv2d(8, 1, 1), nn.Conv2d(8, 4, 1)
        self.register_buffer("weights", torch.eye(8, 16).repeat(1, 1, 1), persistent=False)

    def _features(self, image: Tensor) -> Tensor:
        return functional.relu6(self.stem(functional.pad(image, (0, 1, 0, 1))))

    def detect(self, image: Tensor) -> dict[str, Tensor]:
        x = features = self._features(image)
        scores, boxes = [], []
        for layer in self.deeper:
            x = functional.relu6(layer(functional.pad(x, (0, 1, 0, 1))))
            scores.append(self.score(x).permute(0, 2, 3, 1).reshape(1, -1, 1))
            boxes.append(functional.relu(self.box(x)).permute(0, 2, 3, 1).reshape(1, -1, 4))
        return {"features": features, "scores": torch.cat(scores, 1), "boxes": torch.cat(boxes, 1)}

    def dense(self, features: Tensor, wy: Tensor, wx: Tensor) -> dict[str, Tensor]:
        x = pool_rois(features.permute(0, 2, 3, 1), wy, wx).permute(0, 3, 1, 2)
        small = downsample(functional.relu6(self.head(x)))
        x = x + functional.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return {name: layer(x) for name, layer in self.outputs.items()}

    def track(self, image: Tensor) -> dict[str, Tensor]:
        features = self._features(image)
        pooled = features
        while pooled.shape[-1] > 1:
            pooled = downsample(pooled)
        maps = self.dense(features, self.weights, self.weights)
        return {**maps, "presence": self.presence(pooled).flatten(1), "box": self.tight(pooled).flatten(1)}


@pytest.fixture(scope="session")
def tiny() -> TinyStudent:
    torch.manual_seed(0)
    return TinyStudent().eval()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the weights file of `tiny`: only its hash is asked for."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    path.write_bytes(b"weights")
    return path


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("converted")


@pytest.fixture(scope="session")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> CalibrationSet:
    folder = tmp_path_factory.mktemp("pictures")
    for i, picture in enumerate(draw_pictures()):
        cv2.imwrite(str(folder / f"{i}.png"), picture)
    return write_calibration_set(PictureSources((folder,)), folder.parent / "calibration", 6)


@pytest.fixture(scope="session")
def network(tiny: TinyStudent, checkpoint: Path, cache: Path, calibration: CalibrationSet) -> Network:
    """The tiny student as every target takes it."""
    quantisation = Quantisation(calibration, refit=0)
    return Network(tiny, checkpoint, cache, quantisation, "1.2.3", "a" * 64)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def floats(network: Network) -> dict[str, bytes]:
    return {graph.name: network.float_graph(graph) for graph in SPEC.graphs()}


@pytest.fixture(scope="session")
def lowered(network: Network) -> Lowered:
    """Every graph of a target and its coverage, by the target's name; each is lowered once a session."""
    return functools.cache(lambda name: lower_graphs(TARGETS[name], network))


def draw_pictures(count: int = 6) -> Iterator[np.ndarray]:
    """Smooth random pictures, (64, 64, 3) uint8."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        coarse = torch.from_numpy(rng.random((1, 3, 5, 5), np.float32))
        fine = functional.interpolate(coarse, size=(64, 64), mode="bilinear")
        yield (fine[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
