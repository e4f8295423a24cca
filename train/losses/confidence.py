"""Loss of the confidence map: is the geodesic error of the predicted surface point below the part's kappa?"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.parts import KAPPA
from densepose_mobile.train.losses.dense import DenseTarget
from densepose_mobile.train.losses.normaliser import normalisers

__all__ = ["confidence_loss"]


def confidence_loss(
    maps: dict[str, Tensor], target: DenseTarget, geodesics: Distances, cells: int = 192
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the confidence on at most `cells` cells of each RoI that are predicted or true foreground.

    A cell that is no foreground in truth is never right. Cells whose truth is not fully known are not asked, nor are
    those about a person of whom nothing is: all of their answers would be no. The target carries no gradient.

    Returns the loss and the share of right cells, scalars, means over the cells of all processes that train together.
    """
    logit = maps["confidence"][:, 0].float()
    with torch.no_grad():
        told = target.fine.flatten(1).any(1) | ~target.foreground.flatten(1).any(1)
        known = target.fine | ((target.part == 0) & told[:, None, None])
        n, y, x = _spread(((maps["foreground"][:, 0] > 0) | target.fine) & known, cells).nonzero(as_tuple=True)
        part = maps["parts"][n, :, y, x].argmax(1)
        uv = torch.stack([maps[name][n, part, y, x].float() for name in ("u", "v")]).clamp(0, 1).cpu().numpy()
        true_part = target.part[n, y, x].cpu().numpy()
        true_uv = target.uv[n, :, y, x].T.cpu().numpy()
        seen = true_part > 0
        error = np.full(len(seen), np.inf, np.float32)
        if seen.any():
            error[seen] = geodesics.geodesic(
                (part.cpu().numpy() + 1).astype(np.uint8)[seen],
                uv[:, seen],
                true_part.astype(np.uint8)[seen],
                true_uv[:, seen],
            )
        right = torch.from_numpy((error < np.where(seen, KAPPA[true_part], 0.0)).astype(np.float32)).to(logit.device)
    (count,) = normalisers(len(right), device=logit.device)
    cross = functional.binary_cross_entropy_with_logits(logit[n, y, x], right, reduction="sum")
    return cross / count, right.sum() / count


def _spread(asked: Tensor, cells: int) -> Tensor:
    """Of the cells asked (N, m, m) at most `cells` of each RoI, evenly spread over them in row order.

    Not at random, so that what an RoI teaches does not depend on those beside it.
    """
    rank = asked.flatten(1).cumsum(1)
    share = (cells / rank[:, -1:].clamp(min=1)).clamp(max=1.0)
    kept = (rank * share).floor() > ((rank - 1) * share).floor()
    return asked & kept.view_as(asked)
