from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.movenet_package import movenet_arrays, read_package


def model(*weights: tuple[str, list[int], str | None]) -> dict[str, object]:
    listed = [
        {"name": name, "shape": shape, "dtype": "float32", "quantization": {"dtype": kind}}
        if kind
        else {"name": name, "shape": shape, "dtype": "int32"}
        for name, shape, kind in weights
    ]
    return {"weightsManifest": [{"weights": listed[:1]}, {"weights": listed[1:]}]}


PREFIX = "StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1"
LAYERS = model(
    (f"{PREFIX}/model/Conv1/Conv2D_weights", [1, 1, 3, 2], "float16"),
    ("StatefulPartitionedCall/Reshape/shape", [2], None),
    (f"{PREFIX}/conv2d/BiasAdd/ReadVariableOp", [2], "float16"),
    ("StatefulPartitionedCall/box_scale_0/conv2d_5/BiasAdd/ReadVariableOp", [2], "float16"),
    ("StatefulPartitionedCall/mul_5/y", [], "float16"),
)
VALUES = (
    np.arange(6, dtype=np.float16).tobytes()
    + np.zeros(2, np.int32).tobytes()
    + np.array([7, 8, 9, 10, 11], np.float16).tobytes()
)


def test_layers_keep_their_values_under_shorter_names() -> None:
    arrays = movenet_arrays(LAYERS, VALUES)
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "backbone/Conv1/Conv2D_weights": [[[[0, 1], [2, 3], [4, 5]]]],
        "fpn/conv2d/BiasAdd/ReadVariableOp": [7, 8],
        "box_scale_0/conv2d_5/BiasAdd/ReadVariableOp": [9, 10],
    }


@pytest.mark.parametrize("values", [VALUES[:-4], VALUES + b"1234"])
def test_values_that_the_list_does_not_fit_are_refused(values: bytes) -> None:
    with pytest.raises(AssetError, match=f"{len(values)} bytes long"):
        movenet_arrays(LAYERS, values)


def test_another_file_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="cannot be read"):
        read_package(tmp_path / "none.tgz")
    (tmp_path / "other.tgz").write_bytes(b"other")
    with pytest.raises(AssetError, match="not the tarball of @vladmandic"):
        read_package(tmp_path / "other.tgz")
