import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.train.losses.points import point_loss, sample_points

CELLS, SIDE = 8, 16


def ramp() -> dict[str, torch.Tensor]:
    """U is x and V is y, 0..1 of the crop, on every chart; part 1 on the left half, part 2 on the right one."""
    place = (torch.arange(CELLS) + 0.5) / CELLS
    x, y = place.expand(CELLS, CELLS), place[:, None].expand(CELLS, CELLS)
    parts = torch.full((1, 24, CELLS, CELLS), -20.0)
    parts[:, 0] = torch.where(x < 0.5, 20.0, -20.0)
    parts[:, 1] = -parts[:, 0]
    return {"parts": parts, "u": x.expand(1, 24, -1, -1), "v": y.expand(1, 24, -1, -1)}


@given(st.floats(0.5 / CELLS, 1 - 0.5 / CELLS), st.floats(0.5 / CELLS, 1 - 0.5 / CELLS))
def test_values_between_cells_are_interpolated(x: float, y: float) -> None:
    values = sample_points(ramp(), torch.tensor([[[x, y]]], dtype=torch.float32))[0, 0]
    assert values[24].item() == pytest.approx(x, abs=1e-5)
    assert values[71].item() == pytest.approx(y, abs=1e-5)


def points(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor([rows], dtype=torch.float32)


def test_truth_costs_nothing_and_what_is_wrong_costs() -> None:
    right = points((4, 6, 1, 0.25, 0.375, 1), (12, 3, 2, 0.75, 0.1875, 1))
    losses = point_loss(ramp(), right, SIDE)
    assert all(float(value) < 1e-4 for value in losses.values())
    assert float(point_loss(ramp(), points((4, 6, 2, 0.25, 0.375, 1)), SIDE)["parts"]) > 10
    assert float(point_loss(ramp(), points((4, 6, 1, 0.75, 0.375, 1)), SIDE)["uv"]) > 0.4


def test_rows_without_a_point_are_not_looked_at() -> None:
    one = points((4, 6, 1, 0.5, 0.5, 1))
    padded = torch.cat([one, torch.zeros(1, 5, 6)], 1)
    for name, value in point_loss(ramp(), one, SIDE).items():
        torch.testing.assert_close(point_loss(ramp(), padded, SIDE)[name], value)
    maps = {name: value.clone().requires_grad_() for name, value in ramp().items()}
    nothing = point_loss(maps, torch.zeros(1, 3, 6), SIDE)
    torch.stack(list(nothing.values())).sum().backward()
    assert all(float(value.detach()) == 0 for value in nothing.values())
    assert all(np.isfinite(value.grad.numpy()).all() for value in maps.values() if value.grad is not None)
