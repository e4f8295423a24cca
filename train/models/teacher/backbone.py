"""Backbones of the teacher: torchvision's ResNets, or the mobile net at MoveNet-Thunder's width."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import resnet50, resnet101
from torchvision.ops import FrozenBatchNorm2d

from densepose_mobile.errors import AssetError
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.teacher.spec import GROUPS, TeacherSpec

__all__ = ["ResNet", "make_backbone"]

_log = logging.getLogger(__name__)

_MEAN: Final = (0.485, 0.456, 0.406)  # of ImageNet's pictures, 0..1
_DEVIATION: Final = (0.229, 0.224, 0.225)


class ResNet(nn.Module):
    """A ResNet of torchvision without its classifier (He et al., CVPR 2016).

    With "frozen_batch" the batch norms keep the statistics of the pretrained weights, as detectors do; without such
    weights "group" normalisation trains from scratch (He et al., Rethinking ImageNet Pre-training, ICCV 2019).

    channels: of the features at strides 4, 8, 16, 32.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, name: str, norm: str, frozen_stages: int = 0) -> None:
        super().__init__()
        make: Callable[..., Any] = {"resnet50": resnet50, "resnet101": resnet101}[name]
        norms: dict[str, Callable[[int], nn.Module]] = {
            "frozen_batch": FrozenBatchNorm2d,
            "group": lambda channels: nn.GroupNorm(GROUPS, channels),
        }
        net = make(weights=None, norm_layer=norms[norm])
        self.norm = norm
        self.stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        self.stages = nn.ModuleList([net.layer1, net.layer2, net.layer3, net.layer4])
        self.channels = (256, 512, 1024, 2048)
        mean, deviation = torch.tensor(_MEAN).reshape(3, 1, 1), torch.tensor(_DEVIATION).reshape(3, 1, 1)
        self.register_buffer("scale", 0.5 / deviation, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / deviation, persistent=False)
        self.freeze(frozen_stages)

    def freeze(self, stages: int) -> None:
        """Keep the stem and the first `stages` stages as they are."""
        if not 0 <= stages <= len(self.stages):
            raise ValueError(f"frozen_stages is 0..{len(self.stages)}, not {stages}")
        for i, part in enumerate((self.stem, *self.stages)):
            part.requires_grad_(not (stages > 0 and i <= stages))

    def load(self, path: Path) -> None:
        """Take the weights of torchvision's classifier of the same name, a .safetensors file or a state dict.

        Raises:
            AssetError: no such file, or weights of another network or normalisation.
        """
        if not path.is_file():
            raise AssetError(f"pretrained weights {path} do not exist")
        try:
            state: dict[str, Tensor] = (
                load_file(path)
                if path.suffix == ".safetensors"
                else torch.load(path, map_location="cpu", weights_only=True)
            )
            named = {_renamed(name): value for name, value in state.items() if not name.startswith("fc.")}
            named = {name: value for name, value in named.items() if not name.endswith(".num_batches_tracked")}
            self.load_state_dict(named)
        except (RuntimeError, SafetensorError, OSError, AttributeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise AssetError(
                f"{path} does not fit the backbone with `backbone_norm: {self.norm}` ({reason}); give the weights of "
                "torchvision's network of that name"
            ) from error
        _log.info("backbone initialised from %s", path.name)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W), -1..1, sides divisible by 32 -> features at strides 4, 8, 16, 32."""
        x = self.stem(image * self.scale + self.shift)
        features: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


def _renamed(name: str) -> str:
    """torchvision's name of a weight -> the name here."""
    first, _, rest = name.partition(".")
    place = {"conv1": "stem.0", "bn1": "stem.1"} | {f"layer{i + 1}": f"stages.{i}" for i in range(4)}
    return f"{place.get(first, first)}.{rest}"


def make_backbone(design: TeacherSpec) -> ResNet | MobileNetV2:
    """The backbone of a design, with random weights."""
    if design.backbone.startswith("resnet"):
        return ResNet(design.backbone, design.backbone_norm)
    return MobileNetV2(width=float(design.backbone.rsplit("_", 1)[1]))
