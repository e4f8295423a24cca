"""Tiny rendered pictures with truth that is known in closed form, for the tests of training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.assets import asset_folder
from densepose_mobile.train.data.records import PersonTruth, Picture, encode
from densepose_mobile.train.models.teacher.spec import TeacherSpec

TINY_TEACHER = TeacherSpec(
    backbone="mobilenet_v2_1.75",
    fpn_channels=8,
    decoder_channels=16,
    head_width=32,
    head_convs=1,
    dilations=(2, 4),
    keypoint_width=16,
    keypoint_convs=1,
    mask_width=8,
    mask_convs=1,
    box_width=16,
    roi_size=8,
    map_size=16,
    input_size=64,
    crop_size=96,
)


class PlainLabels:
    """Face f is part f % 24 + 1; U and V are the barycentric weights."""

    def iuv(
        self, face: NDArray[np.int32], barycentric: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        return (face % 24 + 1).astype(np.uint8), np.moveaxis(barycentric, -1, 0).astype(np.float32)


class FlatGeodesics:
    """Distance = 0.5 m for another part, plus the distance on the chart as if it were 0.3 m wide."""

    def geodesic(self, part_a: Any, uv_a: Any, part_b: Any, uv_b: Any) -> NDArray[np.float32]:
        gap = np.hypot(*(np.asarray(uv_a) - np.asarray(uv_b))) * 0.3
        return (gap + 0.5 * (np.asarray(part_a) != np.asarray(part_b))).astype(np.float32)


def make_picture(seed: int, size: int = 128) -> Picture:
    """Two people of three parts each, as coloured upright rectangles; the second stands in front of the first."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 60, (size, size, 3)).astype(np.uint8)
    face = np.full((size, size), -1, np.int32)
    barycentric = np.zeros((size, size, 2), np.uint8)
    instance = np.zeros((size, size), np.uint8)
    people = []
    for index in (1, 2):
        width, height = rng.integers(size // 6, size // 4), rng.integers(size // 2, int(size * 0.7))
        x0, y0 = rng.integers(2, size - width - 2), rng.integers(2, size - height - 2)
        rows = np.arange(y0, y0 + height)
        third = (rows - y0) * 3 // height
        window = (slice(y0, y0 + height), slice(x0, x0 + width))
        face[window] = (third * 8)[:, None]
        barycentric[window] = np.stack(
            np.broadcast_arrays(
                ((rows - y0) * 15 // height)[:, None], (np.arange(width) * (14 / width)).astype(int)[None]
            ),
            -1,
        ).clip(0, 15)
        barycentric[..., 1] = np.minimum(barycentric[..., 1], 15 - barycentric[..., 0])
        instance[window] = index
        image[window] = np.array([(230, 60, 60), (60, 230, 60), (60, 60, 230)], np.uint8)[third][:, None]
        box = np.array([x0, y0, x0 + width, y0 + height], np.float32)
        people.append(PersonTruth(index, "test", f"id{seed}", box, box, np.zeros((17, 3), np.float32), width * height))
    return Picture(f"{seed:06d}", image, face, barycentric, instance, tuple(people), {})


def write_shard(path: Path, seeds: range, size: int = 128) -> None:
    """A WebDataset tar, written aside and renamed."""
    import io
    import tarfile

    partial = path.with_suffix(".partial")
    with tarfile.open(partial, "w") as tar:
        for seed in seeds:
            for extension, data in encode(make_picture(seed, size)).items():
                member = tarfile.TarInfo(f"{seed:06d}.{extension}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    partial.replace(path)


@pytest.fixture(scope="session")
def picture() -> Callable[..., Picture]:
    return make_picture


@pytest.fixture(scope="session")
def plain_labels() -> PlainLabels:
    return PlainLabels()


@pytest.fixture(scope="session")
def flat_geodesics() -> FlatGeodesics:
    return FlatGeodesics()


@pytest.fixture(scope="session")
def shard() -> Callable[..., None]:
    return write_shard


@pytest.fixture(scope="session")
def assets() -> Path:
    """The asset folder; tests that need it are skipped where there is none."""
    try:
        return asset_folder()
    except AssetError as error:
        pytest.skip(str(error))
