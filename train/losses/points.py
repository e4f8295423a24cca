"""Loss at annotated surface points: what the maps say there, between their cells."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.train.losses.dense import PART_WEIGHT, UV_BEND
from densepose_mobile.train.losses.normaliser import normalisers

__all__ = ["point_loss", "sample_points"]

_MAPS: Final = ("parts", "u", "v")


def sample_points(maps: dict[str, Tensor], xy: Tensor) -> Tensor:
    """Bilinear values of maps over the same square at places in it.

    maps: parts, u, v (B, 24, h, h). xy: (B, K, 2), 0..1 of the square from its top left corner. Returns (B, K, 72)
    float32; beyond the outermost cell centres the maps go on as they end.
    """
    stacked = torch.cat([maps[name].float() for name in _MAPS], 1)
    found = functional.grid_sample(
        stacked, 2 * xy[:, :, None] - 1, mode="bilinear", padding_mode="border", align_corners=False
    )
    return found[..., 0].transpose(1, 2)


def point_loss(maps: dict[str, Tensor], points: Tensor, side: int) -> dict[str, Tensor]:
    """Cross-entropy of the part, and smooth L1 of U and V on the true part's chart, at points.

    maps: parts (logits), u, v (B, 24, h, h) of square crops. points: (B, K, 6) x, y px of the crop, part, U, V, and
    whatever; rows of part 0 are none. side: px of the crop. Returns parts, uv: scalars, means by weight over the
    points of all processes that train together.
    """
    there = points[..., 2] > 0
    values = sample_points(maps, points[..., :2] / side)[there]
    part = points[..., 2][there].long() - 1
    weights = PART_WEIGHT.to(part.device)
    share = weights[part]
    (total,) = normalisers(share.sum(), device=share.device)
    logits, u, v = torch.split(values, NUM_PARTS, 1)
    predicted = torch.stack([chart.gather(1, part[:, None])[:, 0] for chart in (u, v)], 1)
    error = functional.smooth_l1_loss(predicted, points[..., 3:5][there], beta=UV_BEND, reduction="none").sum(1)
    cross = functional.cross_entropy(logits, part, weights, reduction="sum")
    return {"parts": cross / total, "uv": (error * share).sum() / total}
