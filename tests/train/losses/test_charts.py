import math

import pytest
import torch
from torch import Tensor

from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN, UNKNOWN_PART
from densepose_mobile.train.losses.charts import chart_losses, point_weights
from densepose_mobile.train.losses.dense import DenseTarget


def target_of(rows: list[list[int]], u: float = 0.5, v: float = 0.5) -> DenseTarget:
    part = torch.tensor(rows)[None]
    return DenseTarget(part, torch.tensor([u, v]).reshape(1, 2, 1, 1).expand(1, 2, *part.shape[1:]).clone())


def maps_of(side: int, coarse: int = 2, **values: float) -> dict[str, Tensor]:
    channels = {"coarse": coarse, "fine": 25, "u": 24, "v": 24}
    maps = {name: torch.zeros(1, count, side, side) for name, count in channels.items()}
    maps |= {name: torch.full((1, 24, side, side), value) for name, value in values.items()}
    return {name: value.requires_grad_() for name, value in maps.items()}


@pytest.mark.parametrize("coarse", [2, 15])
def test_knowing_nothing_costs_the_logarithm_of_the_classes(coarse: int) -> None:
    losses = chart_losses(maps_of(2, coarse), target_of([[0, 3], [0, 3]]))
    assert losses["coarse"].item() == pytest.approx(math.log(coarse), abs=1e-5)
    assert losses["fine"].item() == pytest.approx(math.log(25), abs=1e-5)
    assert losses["uv"].item() == pytest.approx(2 * 2 * 0.5 * 0.25, abs=1e-6)  # two cells, U and V, half the square


def test_likelihood_is_that_of_a_round_normal_density() -> None:
    maps = maps_of(1, u=0.6, v=0.3, sigma=0.2)
    loss = chart_losses(maps, target_of([[7]], u=0.5, v=0.5))["uv"].item()
    density = torch.distributions.MultivariateNormal(torch.tensor([0.6, 0.3]), 0.04 * torch.eye(2))
    assert loss == pytest.approx(-density.log_prob(torch.tensor([0.5, 0.5])).item(), abs=1e-4)


def test_sigma_of_least_loss_is_the_error() -> None:
    sigma = torch.full((1, 24, 1, 1), 0.3, requires_grad=True)
    optimizer = torch.optim.Adam([sigma], 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        chart_losses({**maps_of(1, u=0.6, v=0.5), "sigma": sigma}, target_of([[7]]))["uv"].backward()
        optimizer.step()
    assert sigma[0, 6].item() == pytest.approx(0.1 / math.sqrt(2), abs=0.005)


def test_a_coarse_part_counts_as_its_points_however_many_cells_it_has() -> None:
    part = torch.zeros(2, 20, 20, dtype=torch.long)
    part[0, :10] = 1  # 200 cells of the torso's back
    part[0, 10, :5] = 2  # its front is the same coarse part
    part[0, 11, :3] = 4  # three cells of a hand
    part[1] = UNKNOWN
    weight = point_weights(part)
    assert weight[0][(part[0] == 1) | (part[0] == 2)].sum().item() == pytest.approx(14)
    assert weight[0][part[0] == 4].tolist() == [1, 1, 1]
    assert weight[0][part[0] == 0].sum().item() == pytest.approx(14)
    assert weight[1].sum() == 0


def test_sparse_points_are_summed_as_they_are() -> None:
    part = torch.full((1, 20, 20), UNKNOWN_PART)
    part[0, 3, :4], part[0, 9, :5] = 3, 24
    target = DenseTarget(part, torch.full((1, 2, 20, 20), 0.5))
    assert chart_losses(maps_of(20), target)["uv"].item() == pytest.approx(9 * 2 * 0.125)


@pytest.mark.parametrize("coarse", [2, 15])
def test_a_code_leaves_its_classes_and_no_others(coarse: int) -> None:
    """The gradient pushes up exactly the classes that are possible; an unknown cell has none."""
    cases = {
        0: ({0}, {0}),
        5: ({5}, {4}),  # left foot
        COARSE + 1: ({1, 2}, {1}),
        COARSE + 3: ({4}, {3}),
        PART_ONLY + 23: ({23}, {14}),
        UNKNOWN_PART: (set(range(1, 25)), set(range(1, 15))),
        UNKNOWN: (set(), set()),
    }
    for code, (fine, fifteen) in cases.items():
        maps = maps_of(2, coarse)
        losses = chart_losses(maps, target_of([[code, code], [code, code]]))
        (losses["coarse"] + losses["fine"] + losses["uv"]).backward()
        wanted = {"fine": fine, "coarse": fifteen if coarse == 15 else {int(part > 0) for part in fifteen}}
        for name, classes in wanted.items():
            gradient = maps[name].grad
            assert gradient is not None
            assert set((gradient[0, :, 0, 0] < 0).nonzero().flatten().tolist()) == classes, (code, name)
            assert bool((gradient != 0).any()) == bool(classes)


def test_only_the_true_chart_is_taught() -> None:
    maps = maps_of(2)
    chart_losses(maps, target_of([[9, 0], [COARSE + 1, 9]]))["uv"].backward()
    gradient = maps["u"].grad
    assert gradient is not None
    assert gradient.nonzero().tolist() == [[0, 8, 0, 0], [0, 8, 1, 1]]


def test_regions_without_truth_have_a_finite_loss_and_gradient() -> None:
    maps = maps_of(2, sigma=0.1)
    losses = chart_losses(maps, target_of([[UNKNOWN, UNKNOWN], [UNKNOWN, UNKNOWN]]))
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(value.item() == 0 for value in losses.values())
    assert all(value.grad is not None and value.grad.isfinite().all() for value in maps.values())
