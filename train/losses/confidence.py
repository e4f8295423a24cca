"""Loss of the confidence map: is the geodesic error of the predicted surface point below the part's kappa?"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.parts import KAPPA
from densepose_mobile.train.losses.dense import DenseTarget

__all__ = ["confidence_loss"]


def confidence_loss(
    maps: dict[str, Tensor], target: DenseTarget, geodesics: Distances, cells: int = 4096
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the confidence on at most `cells` cells that are predicted or true foreground.

    A cell that is no foreground in truth is never right. Cells whose truth is not fully known are not asked, nor are
    those about a person of whom nothing is: all of their answers would be no. The target carries no gradient.

    Returns the loss and the share of right cells, scalars.
    """
    logit = maps["confidence"][:, 0].float()
    with torch.no_grad():
        told = target.fine.flatten(1).any(1) | ~target.foreground.flatten(1).any(1)
        known = target.fine | ((target.part == 0) & told[:, None, None])
        asked = (((maps["foreground"][:, 0] > 0) | target.fine) & known).nonzero()
        if not len(asked):
            return logit.sum() * 0.0, logit.new_zeros(())
        if len(asked) > cells:
            asked = asked[torch.randint(len(asked), (cells,))]
        n, y, x = asked.unbind(1)
        true_part = target.part[n, y, x]
        part = maps["parts"][n, :, y, x].argmax(1)
        uv = torch.stack([maps[name][n, part, y, x].float() for name in ("u", "v")]).clamp(0, 1)
        seen = (true_part > 0).numpy()
        error = np.full(len(asked), np.inf, np.float32)
        true = true_part.numpy().astype(np.uint8)[seen]
        if len(true):
            error[seen] = geodesics.geodesic(
                (part.numpy() + 1).astype(np.uint8)[seen],
                uv.numpy()[:, seen],
                true,
                target.uv[n, :, y, x].T.numpy()[:, seen],
            )
        kappa = np.where(seen, KAPPA[true_part.numpy()], 0.0)
        right = torch.from_numpy((error < kappa).astype(np.float32))
    return functional.binary_cross_entropy_with_logits(logit[n, y, x], right), right.mean()
