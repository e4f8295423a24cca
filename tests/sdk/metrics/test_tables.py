from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.tables import DistanceTable
from densepose_mobile.parts import NUM_PARTS

STEPS = np.linspace(0.05, 0.95, 10)


def table(folder: Path, condensed: bool = False, shared: bool = False, **changes: np.ndarray) -> Path:
    """A 10 x 10 grid on every chart, 10 m from chart to chart; the metre is the chart's unit."""
    v, u = (grid.ravel() for grid in np.meshgrid(STEPS, STEPS, indexing="ij"))
    part = np.repeat(np.arange(1, NUM_PARTS + 1), u.size)
    uv = np.tile(np.stack([u, v]), NUM_PARTS)
    place = np.column_stack([uv.T, 10 * part])
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1).astype(np.float32)
    arrays = {"part": part, "uv": uv, "distance": distance}
    if condensed:
        arrays["distance"] = distance[np.triu_indices(len(part), 1)]
    if shared:  # the places in another order than the rows
        order = np.random.default_rng(0).permutation(len(part))
        arrays |= {"part": part[order], "uv": uv[:, order], "node": order}
    np.savez(folder / "table.npz", **(arrays | changes))
    return folder / "table.npz"


@pytest.mark.parametrize(("condensed", "shared"), [(False, False), (True, False), (True, True)])
def test_distances_are_those_of_the_nearest_places(tmp_path: Path, atlas, condensed: bool, shared: bool) -> None:
    own = DistanceTable.load(table(tmp_path, condensed, shared), atlas)
    rng = np.random.default_rng(1)
    part_a, part_b = rng.integers(0, NUM_PARTS + 1, (2, 300)).astype(np.uint8)
    uv_a, uv_b = rng.random((2, 2, 300)).astype(np.float32)
    metres = own.geodesic(part_a, uv_a, part_b, uv_b)
    straight = np.hypot(np.linalg.norm(uv_a - uv_b, axis=0), 10 * (part_a.astype(float) - part_b))
    seen = (part_a > 0) & (part_b > 0)
    assert np.isinf(metres[~seen]).all()
    np.testing.assert_allclose(metres[seen], straight[seen], atol=0.15)
    assert (own.geodesic(part_a, uv_a, part_a, uv_a)[part_a > 0] == 0).all()
    np.testing.assert_array_equal(metres, own.geodesic(part_b, uv_b, part_a, uv_a))


def test_distances_to_keypoints_stay_those_of_the_atlas(tmp_path: Path, atlas) -> None:
    own = DistanceTable.load(table(tmp_path), atlas)
    asked = np.array([13]), np.array([10], np.uint8), np.full((2, 1), 0.75, np.float32)
    assert own.keypoint_distance(*asked) == atlas.keypoint_distance(*asked)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"uv": np.zeros((3, 2400))}, r"uv \(3, 2400\)"),
        ({"distance": np.zeros((5, 6))}, "neither"),
        ({"distance": np.zeros(5)}, "neither"),
        ({"part": np.ones(2400, int)}, r"parts \[1\]"),
        ({"uv": np.full((2, 2400), 1.5)}, "outside of 0..1"),
        ({"node": np.full(2400, 2400)}, r"0\.\.2399"),
        ({"node": np.zeros(3, int)}, "2400 places"),
        ({"distance": np.full((2400, 2400), np.nan)}, "not a number"),
    ],
)
def test_tables_that_cannot_be_used_are_named(tmp_path: Path, atlas, changes: dict, match: str) -> None:
    with pytest.raises(InputError, match=rf"table\.npz: .*{match}"):
        DistanceTable.load(table(tmp_path, **changes), atlas)


def test_files_that_hold_no_table(tmp_path: Path, atlas) -> None:
    (tmp_path / "text.npz").write_text("no table")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name in ("text.npz", "other.npz", "missing.npz"):
        with pytest.raises(InputError, match=f"cannot read distances .*{name}"):
            DistanceTable.load(tmp_path / name, atlas)
