"""Losses of the teacher's dense maps: coarse, fine, U and V, as DensePose-RCNN trains them.

Güler et al., DensePose, CVPR 2018, with the later two-channel coarse map and the likelihood of U, V (Neverova et al.,
NeurIPS 2019). Annotators were asked for as many points on each coarse part. Dense truth is weighted to count as such
points, or a torso would outweigh two hands a hundredfold; points count as they are.
"""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from densepose_mobile.parts import FINE_TO_COARSE, NUM_PARTS
from densepose_mobile.train.data.targets import UNKNOWN, UNKNOWN_PART
from densepose_mobile.train.losses.dense import PARTLY_KNOWN, DenseTarget, seen_cells
from densepose_mobile.train.losses.normaliser import normalisers, processes

__all__ = ["POINTS_A_PART", "chart_losses", "point_weights"]

POINTS_A_PART: Final = 14
"""Points that annotators were asked for on each coarse part, at most."""

_NUM_COARSE: Final = int(FINE_TO_COARSE.max())
_SURE: Final = torch.from_numpy(FINE_TO_COARSE).long()  # (25,) coarse part of each fine one


def _fine_choices() -> Tensor:
    table = torch.zeros(256, 1 + NUM_PARTS, dtype=torch.bool)
    table[:, 1:] = PARTLY_KNOWN
    table[: 1 + NUM_PARTS] = torch.eye(1 + NUM_PARTS, dtype=torch.bool)
    table[UNKNOWN_PART, 1:] = True
    return table


_FINE: Final = _fine_choices()
"""(256, 25) classes of the fine map that a code of `train.data.targets` leaves; any of them is right."""

_COARSE: Final = {
    2: torch.stack([_FINE[:, 0], _FINE[:, 1:].any(1)], 1),
    1 + _NUM_COARSE: torch.stack([_FINE[:, part == _SURE].any(1) for part in range(1 + _NUM_COARSE)], 1),
}
"""By number of channels: (256, C) classes of the coarse map that a code leaves."""


def _groups() -> Tensor:
    """(256,) background, surely known parts, partly known ones, unknown ones of a person, and last the unknown."""
    table = torch.full((256,), 2 + 2 * _NUM_COARSE)
    table[: 1 + NUM_PARTS] = _SURE
    partly = PARTLY_KNOWN.any(1)
    table[partly] = _NUM_COARSE + _SURE[1:][PARTLY_KNOWN.int().argmax(1)][partly]
    table[UNKNOWN_PART] = 1 + 2 * _NUM_COARSE
    return table


_GROUP: Final = _groups()


def point_weights(part: Tensor) -> Tensor:
    """How many annotated points each cell stands for.

    part: (N, m, m) codes of `DenseTarget`. The cells of one coarse part of one region count as at most 14 points
    together, and so does its background, what is known of a coarse part only, and what is somebody's. Returns
    (N, m, m) float32, 0 where nothing is known.
    """
    group = _GROUP.to(part.device)[part].flatten(1)
    kinds = int(_GROUP.max()) + 1
    count = torch.zeros(len(part), kinds, device=part.device).scatter_add_(
        1, group, torch.ones_like(group, dtype=torch.float32)
    )
    weight = count.clamp(max=POINTS_A_PART) / count.clamp(min=1)
    weight[:, -1] = 0
    return weight.gather(1, group).reshape(part.shape)


def chart_losses(maps: dict[str, Tensor], target: DenseTarget) -> dict[str, Tensor]:
    """coarse, fine, uv: scalars, over the regions of all processes that train together.

    maps: of `DensePredictor`. coarse: cross-entropy, mean over cells that are known. fine: cross-entropy, mean over
    points (`point_weights`). uv: summed over points, on the true part's chart: smooth L1 of U and of V, or where the
    maps have sigma the negative logarithm of a round normal density about the prediction.
    """
    known = target.part != UNKNOWN
    codes = target.part[known]
    choices = _COARSE[maps["coarse"].shape[1]].to(codes.device)
    coarse = _choice_loss(seen_cells(maps["coarse"], known), choices[codes]).sum()
    weight = point_weights(target.part)
    fine = _choice_loss(seen_cells(maps["fine"], known), _FINE.to(codes.device)[codes])
    cells, points = normalisers(known.sum(), weight.sum(), device=weight.device)
    losses = {"coarse": coarse / cells, "fine": (fine * weight[known]).sum() / points}
    seen = target.fine
    chart = (target.part[seen] - 1)[:, None]
    error = torch.cat([seen_cells(maps[name], seen).gather(1, chart) for name in ("u", "v")], 1)
    error = error - torch.stack([target.uv[:, axis][seen] for axis in (0, 1)], 1)
    if "sigma" in maps:
        sigma = seen_cells(maps["sigma"], seen).gather(1, chart)[:, 0]
        each = math.log(2 * math.pi) + 2 * sigma.log() + error.square().sum(1) / (2 * sigma.square())
    else:
        each = functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none").sum(1)
    losses["uv"] = (each * weight[seen]).sum() * processes()
    return losses


def _choice_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """(K,) cross-entropy of (K, C) logits where any of the allowed classes (K, C) is right."""
    return -functional.log_softmax(logits, 1).masked_fill(~allowed, -torch.inf).logsumexp(1)
