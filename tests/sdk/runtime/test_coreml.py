"""Core ML: what Apple's `predict`, which a fake stands for here, is given and gives; packages that are not whole."""

import io
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.coreml import CoreMlRuntime
from densepose_mobile.runtime.mil import MilRuntime
from densepose_mobile.runtime.mlpackage import to_pixels
from densepose_mobile.spec import GraphSpec, TensorSpec

tools = pytest.importorskip("coremltools")

SPEC = GraphSpec("detect", (TensorSpec("image", (1, 6, 4, 3)),), (TensorSpec("sum", (1, 6, 4, 1)),))


class FakeModel:
    """Apple's model: keeps what it was given."""

    def __init__(self, path: str, compute_units: Any) -> None:
        assert path.endswith("detect.mlpackage")
        self.given: list[dict[str, Any]] = []

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        self.given.append(inputs)
        pixels = np.asarray(inputs["image"]).astype(np.float32)
        return {"sum": (pixels / 127.5 - 1).sum(2)[None, ..., None].astype(np.float64)}


@pytest.fixture(scope="module")
def package() -> bytes:
    torch = pytest.importorskip("torch")
    from densepose_mobile.convert.coreml import to_coreml

    class Sum(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 1, (5, 5), padding=2, bias=False)  # large enough for a file of weights
            torch.nn.init.zeros_(self.layer.weight)
            self.layer.weight.data[:, :, 2, 2] = 1

        def forward(self, image: Any) -> Any:
            return (self.layer(image.permute(0, 3, 1, 2)).permute(0, 2, 3, 1),)

    return to_coreml(Sum().eval(), SPEC)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """(6, 4, 3) uint8, no two channels or axes alike."""
    return np.random.default_rng(5).integers(0, 256, (6, 4, 3)).astype(np.uint8)


def normalised(picture: np.ndarray) -> np.ndarray:
    return ((picture.astype(np.float32) - 127.5) / 127.5)[None]


def test_pixels_come_back_from_the_network_input() -> None:
    levels = np.arange(256, dtype=np.uint8)
    scaled = (levels.astype(np.float32) - 127.5) / 127.5
    np.testing.assert_array_equal(to_pixels(scaled), levels)
    np.testing.assert_array_equal(to_pixels(scaled.astype(np.float16).astype(np.float32)), levels)
    np.testing.assert_array_equal(to_pixels(np.array([-2, 2], np.float32)), [0, 255])


def test_predict_is_given_pictures(package: bytes, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(tools.models, "MLModel", FakeModel)
    graph: Any = CoreMlRuntime().load(SPEC, package)
    (output,) = graph(normalised(picture))
    given = graph._model.given[0]["image"]
    assert isinstance(given, image.Image)
    np.testing.assert_array_equal(np.asarray(given), picture)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output[0, ..., 0], normalised(picture)[0].sum(2), atol=1e-5)
    assert graph.placement.elsewhere is None
    assert "chooses" in str(graph.placement)


def test_the_stand_in_scales_pictures_as_the_program_says(package: bytes, picture: np.ndarray) -> None:
    graph = MilRuntime().load(SPEC, package)
    (output,) = graph(normalised(picture))
    np.testing.assert_allclose(output[0, ..., 0], normalised(picture)[0].sum(2), atol=5e-3)
    assert "not run on Apple hardware" in str(graph.placement)
    assert not graph.placement.complete


def test_an_operator_that_is_not_known_is_named(package: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from densepose_mobile.runtime import mil

    monkeypatch.setattr(mil, "OPERATORS", {kind: call for kind, call in mil.OPERATORS.items() if kind != "conv"})
    with pytest.raises(BackendUnavailable, match="'detect' holds the operators conv"):
        MilRuntime().load(SPEC, package)


def test_core_ml_says_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BackendUnavailable, match=r'Core ML runs on macOS only, this is linux.*backend="mil"'):
        CoreMlRuntime()


def without_weights(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if "weights" not in name}


def without_model(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: b"\xff" if name.endswith(".mlmodel") else data for name, data in files.items()}


def twice(files: dict[str, bytes]) -> dict[str, bytes]:
    return files | {f"second.mlpackage/{name}": data for name, data in files.items()}


@pytest.mark.parametrize("change", [without_weights, without_model, twice])
def test_packages_that_are_not_whole_are_refused(
    package: bytes, change: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> None:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in change(files).items():
            archive.writestr(name, data)
    with pytest.raises(BundleError, match="'detect'"):
        MilRuntime().load(SPEC, target.getvalue())
