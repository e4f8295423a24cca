"""The bundles that the package ships compute here what they computed where they were made."""

import numpy as np
import pytest

from densepose_mobile.bundle import DEFAULT_BUNDLE, Bundle, registered
from densepose_mobile.predictor import DensePose
from densepose_mobile.runtime import backends, open_runtime

SHIPPED = sorted(registered())
needs_runtime = pytest.mark.skipif(
    not any(backend.available for backend in backends("litert")), reason="no runtime for LiteRT graphs is installed"
)
needs_bundles = pytest.mark.skipif(not SHIPPED, reason="no bundle in sdk/models: `densepose-mobile convert` writes one")


@needs_bundles
@needs_runtime
@pytest.mark.parametrize("name", SHIPPED)
def test_golden_outputs(name: str) -> None:
    bundle = Bundle.open(name)
    deviations = bundle.verify(open_runtime(bundle.manifest.family, threads=1))
    assert {deviation.graph for deviation in deviations} == {graph.name for graph in bundle.spec.graphs()}
    assert [deviation for deviation in deviations if not deviation.passed] == []


@needs_bundles
def test_default_is_shipped_and_all_are_small() -> None:
    assert DEFAULT_BUNDLE in SHIPPED
    assert sum(len(file.read_bytes()) for file in registered().values()) <= 18e6


@needs_bundles
@needs_runtime
def test_default_predicts() -> None:
    result = DensePose.load().predict(np.full((48, 64, 3), 127, np.uint8))
    assert (result.height, result.width) == (48, 64)
