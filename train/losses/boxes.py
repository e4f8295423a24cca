"""Overlap of paired boxes, differentiable."""

import torch
from torch import Tensor

__all__ = ["generalised_iou"]


def generalised_iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of each pair (Rezatofighi et al., CVPR 2019). a, b: (N, 4) xyxy, one frame -> (N,), (N,).

    GIoU is -1..1 and has a gradient where the boxes do not touch.
    """
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    area = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(1) + (b[:, 2:] - b[:, :2]).clamp(min=0).prod(1)
    union = (area - shared).clamp(min=1e-6)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).clamp(min=0).prod(1).clamp(min=1e-6)
    iou = shared / union
    return iou, iou - (hull - union) / hull
