"""Losses of the cascade's keypoint and mask branches (He et al., Mask R-CNN, ICCV 2017)."""

from torch import Tensor
from torch.nn import functional

from densepose_mobile.train.data.targets import UNKNOWN
from densepose_mobile.train.losses.dense import DenseTarget
from densepose_mobile.train.losses.normaliser import normalisers

__all__ = ["keypoint_loss", "mask_loss"]


def keypoint_loss(heatmaps: Tensor, keypoints: Tensor, map_size: int) -> Tensor:
    """Cross-entropy over the cells of each heatmap, mean over the keypoints that are known, of all processes that
    train together.

    heatmaps: (N, 17, k, k) logits. keypoints: (N, 17, 3) x, y in cells 0..map_size, visibility 0, 1, 2; of 0 and
    beyond the region nothing is asked.
    """
    size = heatmaps.shape[-1]
    column, row = (keypoints[..., :2] * (size / map_size)).floor().long().unbind(-1)
    known = (keypoints[..., 2] > 0) & (column >= 0) & (column < size) & (row >= 0) & (row < size)
    cells = (row * size + column)[known]
    each = functional.cross_entropy(heatmaps[known].flatten(1).float(), cells, reduction="sum")
    (count,) = normalisers(len(cells), device=heatmaps.device)
    return each / count


def mask_loss(mask: Tensor, target: DenseTarget) -> Tensor:
    """Cross-entropy of the person's share of each cell, mean over what is known, of all processes that train together.

    mask: (N, 1, R, R) logits. target: of m cells, a multiple of R.
    """
    step = target.part.shape[-1] // mask.shape[-1]
    known = functional.avg_pool2d((target.part != UNKNOWN).float(), step)
    share = functional.avg_pool2d(target.foreground.float(), step) / known.clamp(min=1e-6)
    each = functional.binary_cross_entropy_with_logits(mask[:, 0].float(), share, known, reduction="sum")
    (count,) = normalisers(known.sum(), device=mask.device)
    return each / count
