"""The student: a MobileNet-FPN DensePose-RCNN whose one set of weights makes the three device graphs."""

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from densepose_mobile.postprocess.rois import roi_weights
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.dense import DenseHead
from densepose_mobile.train.models.detector import DetectionHead
from densepose_mobile.train.models.movenet import FEATURE_DEVIATION, load_movenet
from densepose_mobile.train.models.pyramid import Pyramid
from densepose_mobile.train.models.roi import pool_rois
from densepose_mobile.train.models.tracker import TrackHead

__all__ = ["Student"]

_log = logging.getLogger(__name__)


class Student(nn.Module):
    """Backbone, pyramid, detector, dense head and track head.

    Pictures are (B, 3, S, S) RGB scaled to -1..1. Maps are as `ModelSpec.maps` says, channels first.
    """

    track_wy: Tensor
    track_wx: Tensor

    def __init__(self, spec: ModelSpec | None = None, head_width: int = 96) -> None:
        super().__init__()
        self.spec = spec or ModelSpec()
        self.head_width = head_width
        if self.spec.feature_stride != 4 or self.spec.level_strides != (8, 16, 32):
            raise ValueError(
                "the backbone gives features at stride 4 and levels at strides 8, 16, 32, not "
                f"{self.spec.feature_stride} and {self.spec.level_strides}"
            )
        channels = self.spec.feature_channels
        self.backbone = MobileNetV2()
        self.pyramid = Pyramid(self.backbone.channels, channels)
        self.detector = DetectionHead(channels, len(self.spec.level_strides))
        self.dense_head = DenseHead(channels, head_width)
        self.track_head = TrackHead(self.backbone.channels[-1], self.spec.track_size // 32)
        cells = self.spec.track_size // self.spec.feature_stride
        wy, wx = roi_weights(
            np.array([self.spec.track_roi], np.float32), cells, self.spec.feature_stride, self.spec.roi_size
        )
        self.register_buffer("track_wy", torch.from_numpy(wy), persistent=False)
        self.register_buffer("track_wx", torch.from_numpy(wx), persistent=False)

    def load_pretrained(self, path: Path) -> None:
        """Start the backbone from MoveNet's weights of its width."""
        load_movenet(self.backbone, path)
        with torch.no_grad():
            for lateral, deviation in zip(self.pyramid.laterals, FEATURE_DEVIATION[self.backbone.width], strict=True):
                for weight in lateral.parameters():
                    weight.div_(deviation)
        _log.info("backbone initialised from %s", path.name)

    def detect(self, image: Tensor) -> dict[str, Tensor]:
        """Whole pictures -> features (B, C, S/4, S/4), scores (B, L, 1) logits, boxes (B, L, 4) ltrb in strides."""
        levels = self.pyramid(self.backbone(image))
        scores, boxes = self.detector(levels[1:])
        return {"features": levels[0], "scores": scores, "boxes": boxes}

    def dense(self, features: Tensor, wy: Tensor, wx: Tensor) -> dict[str, Tensor]:
        """Features (P, C, H, W) and the weights of N RoIs, N / P for each picture in order -> maps (N, ., 56, 56)."""
        pooled = pool_rois(features.permute(0, 2, 3, 1), wy, wx)
        return self.dense_head(pooled.permute(0, 3, 1, 2))

    def look(self, crops: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Crops of one person each -> levels of the pyramid (B, C, S / s, S / s), s = 4, 8, 16, 32, and `track`'s."""
        deep = self.backbone(crops)
        levels = self.pyramid(deep)
        batch = crops.shape[0]
        wy = self.track_wy if batch == 1 else self.track_wy.repeat(batch, 1, 1)
        wx = self.track_wx if batch == 1 else self.track_wx.repeat(batch, 1, 1)
        maps = self.dense(levels[0], wy, wx)
        presence, box = self.track_head(deep[-1])
        return levels, {**maps, "presence": presence, "box": box}

    def track(self, image: Tensor) -> dict[str, Tensor]:
        """Crops of one person each -> maps of the central RoI, presence (B, 1) logit, box (B, 4) in crop units."""
        return self.look(image)[1]
