"""What a network that was trained on many real people knows of their joints, kept beside what we train ourselves.

MoveNet's pyramid and its heatmaps of keypoints come with its backbone. Rendered people teach part and surface, but they
are not real ones; tens of thousands of real people taught these layers where joints are and which side is which. So
they stay on top of the backbone as they are (`PoseBranch.keep`), and their features are added to ours.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.keypoints import KEYPOINT_CHANNELS, KeypointNet, KeypointPyramid, keypoint_head

__all__ = ["PoseBranch"]

_FEATURE_DEVIATION = 0.15
"""Standard deviation of the pretrained pyramid's output on crops of people, to which the projection is scaled."""


class PoseBranch(nn.Module):
    """The backbone's features -> `channels` channels at stride 4, to be added to those of a pyramid of our own."""

    def __init__(self, backbone: MobileNetV2, channels: int) -> None:
        super().__init__()
        self.pyramid = KeypointPyramid(backbone)
        self.heatmaps = keypoint_head(len(KEYPOINT_NAMES))
        self.project = nn.Conv2d(KEYPOINT_CHANNELS + len(KEYPOINT_NAMES), channels, 1)
        deviation = (KEYPOINT_CHANNELS + len(KEYPOINT_NAMES)) ** -0.5 / _FEATURE_DEVIATION
        nn.init.normal_(self.project.weight, std=0.3 * deviation)
        assert self.project.bias is not None
        nn.init.zeros_(self.project.bias)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Of `MobileNetV2.levels`, finest first -> what is added and the pretrained pyramid's output, at stride 4."""
        joints = self.pyramid(features)
        return self.project(torch.cat([joints, self.heatmaps(joints).sigmoid()], 1)), joints

    def keep(self, as_it_is: bool) -> None:
        """Whether the pretrained layers are left as they are; what reads them is trained in any case."""
        for module in (self.pyramid, self.heatmaps):
            module.requires_grad_(not as_it_is)

    def begin_from(self, net: KeypointNet) -> None:
        """Start from the layers of a pretrained network of the backbone's width."""
        self.pyramid.load_state_dict(net.pyramid.state_dict())
        self.heatmaps.load_state_dict(net.heads["kpt_heatmap_0"].state_dict())
