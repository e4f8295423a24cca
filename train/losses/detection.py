"""Loss of the detector: which location answers for whom, quality focal score, generalised IoU of the boxes."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from densepose_mobile.postprocess.decode import locations
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.losses.boxes import generalised_iou
from densepose_mobile.train.losses.normaliser import normalisers

__all__ = ["assign", "detection_loss"]

_LEVEL_RANGES: Final = ((0.0, 64.0), (64.0, 160.0), (128.0, float("inf")))
"""px, longer side of the people that each level answers for; they overlap where two levels share the work."""

_RADIUS: Final = 1.5  # strides about a box's centre in which a location answers for it

NOBODY: Final = -1
IGNORED: Final = -2


def assign(boxes: Tensor, kinds: Tensor, spec: ModelSpec) -> Tensor:
    """The person whom each location answers for: centre sampling by level (FCOS, Tian et al., ICCV 2019).

    boxes: (P, M, 4) xyxy px. kinds: (P, M), 1 a person, 2 too small to judge. Returns (P, L) int64 row in boxes, -1
    nobody, -2 neither: inside someone too small to judge. Of several people the smallest wins.
    """
    centre, stride = _locations(spec, boxes.device)
    low = torch.empty_like(stride)
    high = torch.empty_like(stride)
    for level, (first, last) in zip(spec.level_strides, _LEVEL_RANGES, strict=True):
        low[stride == level], high[stride == level] = first, last
    x, y = centre[:, 0, None, None], centre[:, 1, None, None]  # (L, 1, 1)
    x0, y0, x1, y1 = (boxes[None, ..., i] for i in range(4))  # (1, P, M)
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    reach = _RADIUS * stride[:, None, None]
    central = ((x - (x0 + x1) / 2).abs() < reach) & ((y - (y0 + y1) / 2).abs() < reach)
    longer = torch.maximum(x1 - x0, y1 - y0)
    suits = (longer >= low[:, None, None]) & (longer < high[:, None, None])
    area = (x1 - x0) * (y1 - y0)
    cost = torch.where(inside & central & suits & (kinds == 1)[None], area, torch.inf)  # (L, P, M)
    best, owner = cost.min(-1)
    owner = torch.where(best.isfinite(), owner, NOBODY)
    unsure = (inside & (kinds == 2)[None]).any(-1)
    return torch.where((owner == NOBODY) & unsure, IGNORED, owner).T


def detection_loss(
    scores: Tensor, distances: Tensor, boxes: Tensor, kinds: Tensor, spec: ModelSpec
) -> dict[str, Tensor]:
    """Quality focal loss of the score (its target is the IoU of the predicted box) and GIoU of the boxes.

    scores: (P, L, 1) logits. distances: (P, L, 4) ltrb in strides. boxes: (P, M, 4) xyxy px. kinds: (P, M).
    Li et al., Generalized Focal Loss, NeurIPS 2020, equation 5 with beta 2. Returns score and box, scalars: sums over
    the answering locations' number, of all processes that train together.
    """
    owner = assign(boxes, kinds, spec)
    logits = scores[..., 0].float()
    picture, place = (owner >= 0).nonzero(as_tuple=True)
    centre, stride = _locations(spec, boxes.device)
    offset = distances[picture, place].float() * stride[place, None]
    predicted = torch.cat([centre[place] - offset[:, :2], centre[place] + offset[:, 2:]], 1)
    iou, giou = generalised_iou(predicted, boxes[picture, owner[picture, place]])
    target = torch.zeros_like(logits)
    target[picture, place] = iou.detach().clamp(0, 1)
    gap = (target - logits.sigmoid()).detach().abs().square()
    each = gap * functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    (count,) = normalisers(len(picture), device=logits.device, least=1.0)
    return {"score": each[owner != IGNORED].sum() / count, "box": (1 - giou).sum() / count}


def _locations(spec: ModelSpec, device: torch.device) -> tuple[Tensor, Tensor]:
    """Centres (L, 2) px and strides (L,) px of the detector's locations."""
    centre, stride = (torch.from_numpy(array.copy()).to(device) for array in locations(spec))
    return centre, stride
