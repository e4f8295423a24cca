"""The student: a MobileNet-FPN DensePose-RCNN whose one set of weights makes the three device graphs."""

import logging
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from densepose_mobile.errors import AssetError
from densepose_mobile.postprocess.rois import roi_weights
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.dense import DenseHead
from densepose_mobile.train.models.detector import DetectionHead
from densepose_mobile.train.models.keypoints import load_keypoint_net
from densepose_mobile.train.models.movenet import FEATURE_DEVIATION, WEIGHT_FILES, movenet_width
from densepose_mobile.train.models.pose import PoseBranch
from densepose_mobile.train.models.pyramid import Pyramid
from densepose_mobile.train.models.roi import pool_rois
from densepose_mobile.train.models.tracker import TrackHead

__all__ = ["Student"]

_log = logging.getLogger(__name__)

_WIDTH: Final = 1.5
"""Of the backbone: that of MoveNet-MultiPose, which finds many people in a picture."""


class Student(nn.Module):
    """Backbone, pyramid, pose branch, detector, dense head and track head.

    Pictures are (B, 3, S, S) RGB scaled to -1..1. Maps are as `ModelSpec.maps` says, channels first.
    """

    track_wy: Tensor
    track_wx: Tensor

    def __init__(self, spec: ModelSpec | None = None, head_width: int = 96) -> None:
        super().__init__()
        self.spec = spec or ModelSpec()
        self.head_width = head_width
        if self.spec.feature_stride != 4 or self.spec.level_strides != (4,):
            raise ValueError(
                "the network gives features and people at stride 4, not "
                f"{self.spec.feature_stride} and {self.spec.level_strides}"
            )
        channels = self.spec.feature_channels
        self.backbone = MobileNetV2(width=_WIDTH)
        self.pyramid = Pyramid(self.backbone.channels, channels)
        self.pose = PoseBranch(self.backbone, channels)
        self.detector = DetectionHead()
        self.dense_head = DenseHead(channels, head_width)
        self.track_head = TrackHead(self.backbone.channels[-1], self.spec.track_size // 32)
        cells = self.spec.track_size // self.spec.feature_stride
        wy, wx = roi_weights(
            np.array([self.spec.track_roi], np.float32), cells, self.spec.feature_stride, self.spec.roi_size
        )
        self.register_buffer("track_wy", torch.from_numpy(wy), persistent=False)
        self.register_buffer("track_wx", torch.from_numpy(wx), persistent=False)

    def load_pretrained(self, path: Path) -> None:
        """Start backbone, pose branch and detector from MoveNet MultiPose.

        Raises AssetError for a file that is missing, or another one.
        """
        if (width := movenet_width(path)) != _WIDTH:
            raise AssetError(f"{path} is of width {width}, a student begins with {WEIGHT_FILES[_WIDTH]}, of {_WIDTH}")
        net = load_keypoint_net(path)
        self.backbone.load_state_dict(net.backbone.state_dict())
        self.pose.begin_from(net)
        self.detector.begin_from(net)
        with torch.no_grad():
            for lateral, deviation in zip(self.pyramid.laterals, FEATURE_DEVIATION[_WIDTH], strict=True):
                for weight in lateral.parameters():
                    weight.div_(deviation)
        _log.info("backbone initialised from %s", path.name)

    def freeze(self, stages: int) -> None:
        """Keep the first stages of the backbone as they are; all of them with the pose branch's pretrained layers."""
        self.backbone.freeze(stages)
        self.pose.keep(stages == len(self.backbone.stages))

    def levels(self, image: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Pictures -> the pyramid (B, C, S / s, S / s), s = 4, 8, 16, 32, the pose branch's own features at stride 4,
        and the backbone's at stride 32."""
        features = self.backbone.levels(image)
        s4, s8, _, s16, s32 = features
        levels = self.pyramid((s4, s8, s16, s32))
        added, joints = self.pose(features)
        levels[0] = functional.relu6(levels[0] + added)
        return levels, joints, s32

    def detect(self, image: Tensor) -> dict[str, Tensor]:
        """Whole pictures -> features (B, C, S/4, S/4), scores (B, L, 1) logits, boxes (B, L, 4) ltrb in strides."""
        levels, joints, _ = self.levels(image)
        scores, boxes = self.detector(joints)
        return {"features": levels[0], "scores": scores, "boxes": boxes}

    def dense(self, features: Tensor, wy: Tensor, wx: Tensor) -> dict[str, Tensor]:
        """Features (P, C, H, W) and the weights of N RoIs, N / P for each picture in order -> maps (N, ., 56, 56)."""
        pooled = pool_rois(features.permute(0, 2, 3, 1), wy, wx)
        return self.dense_head(pooled.permute(0, 3, 1, 2))

    def look(self, crops: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Crops of one person each -> levels of the pyramid (B, C, S / s, S / s), s = 4, 8, 16, 32, and `track`'s."""
        levels, _, deepest = self.levels(crops)
        batch = crops.shape[0]
        wy = self.track_wy if batch == 1 else self.track_wy.repeat(batch, 1, 1)
        wx = self.track_wx if batch == 1 else self.track_wx.repeat(batch, 1, 1)
        maps = self.dense(levels[0], wy, wx)
        presence, box = self.track_head(deepest)
        return levels, {**maps, "presence": presence, "box": box}

    def track(self, image: Tensor) -> dict[str, Tensor]:
        """Crops of one person each -> maps of the central RoI, presence (B, 1) logit, box (B, 4) in crop units."""
        return self.look(image)[1]
