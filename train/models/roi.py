"""Separable RoI pooling: out = Wy F Wxᵀ with two batched matrix products (RoIAlign, He et al., ICCV 2017).

The weights come from `densepose_mobile.postprocess.rois.roi_weights`, on the device and in training alike.
"""

import torch
from torch import Tensor

__all__ = ["pool_rois"]


def pool_rois(features: Tensor, wy: Tensor, wx: Tensor) -> Tensor:
    """Pool the same number of RoIs from each picture.

    Args:
        features: (P, H, W, C) channels last.
        wy: (N, R, H) weights of rows, the RoIs of picture 0 first, N a multiple of P.
        wx: (N, R, W) weights of columns.

    Returns:
        (N, R, R, C). With P = 1 this is the device graph: `bmm` of batch 1, then `bmm` of batch N. Broadcasting and
        `matmul` are avoided because they fall off the delegates.
    """
    pictures, height, width, channels = features.shape
    rois, cells, _ = wy.shape
    rows = torch.bmm(
        wy.reshape(pictures, rois // pictures * cells, height), features.reshape(pictures, height, width * channels)
    )
    rows = rows.reshape(rois, cells, width, channels).transpose(1, 2).reshape(rois, width, cells * channels)
    pooled = torch.bmm(wx, rows).reshape(rois, cells, cells, channels)
    return pooled.transpose(1, 2)
