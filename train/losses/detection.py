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

_RADIUS: Final = 1.5  # strides about a box's centre in which a location answers for it
_CENTRAL: Final = 0.06  # of a box's sides, about its centre, likewise where that is more
_MARGIN: Final = 2.0  # so many times as far from the centre locations answer for nobody, but are not told so

NOBODY: Final = -1
IGNORED: Final = -2


def assign(boxes: Tensor, kinds: Tensor, spec: ModelSpec) -> Tensor:
    """The person whom each location answers for: those about the centre of a box (FCOS, Tian et al., ICCV 2019).

    boxes: (P, M, 4) xyxy px. kinds: (P, M), 1 a person, 2 too small to judge. Returns (P, L) int64 row in boxes, -1
    nobody, -2 neither: around a centre, or inside someone too small to judge. Of several people the smallest wins.
    """
    centre, stride = _locations(spec, boxes.device)
    x, y = centre[:, 0, None, None], centre[:, 1, None, None]  # (L, 1, 1)
    x0, y0, x1, y1 = (boxes[None, ..., i] for i in range(4))  # (1, P, M)
    width, height = x1 - x0, y1 - y0
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    least = _RADIUS * stride[:, None, None]
    # Distance from the centre, of how far its locations reach.
    away = torch.maximum(
        (x - (x0 + x1) / 2).abs() / torch.maximum(_CENTRAL * width, least),
        (y - (y0 + y1) / 2).abs() / torch.maximum(_CENTRAL * height, least),
    )
    person = (kinds == 1)[None]
    cost = torch.where(inside & (away < 1) & person, width * height, torch.inf)  # (L, P, M)
    best, owner = cost.min(-1)
    owner = torch.where(best.isfinite(), owner, NOBODY)
    unsure = (inside & ((kinds == 2)[None] | ((away < _MARGIN) & person))).any(-1)
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
