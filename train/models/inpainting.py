"""The inpainting network: a person's crop and coarse part masks -> part, U and V of every cell.

It learns from annotated surface points alone and then fills in the pixels between them (Güler et al., DensePose, CVPR
2018, section 4.1: a fully convolutional network on scale-normalised people, which may be given the part masks). Here a
U-Net: the mobile backbone looks at the picture, a few convolutions at the masks, and both are joined at every stride.
"""

import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from densepose_mobile.parts import COARSE_NAMES, FINE_TO_COARSE, MIRROR, MIRROR_FLIPS_U, MIRROR_FLIPS_V, NUM_PARTS
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN_PART
from densepose_mobile.train.models.backbone import ConvAct, MobileNetV2
from densepose_mobile.train.models.layers import ResidualSeparable, Separable, downsample, init_layers, upsample
from densepose_mobile.train.models.movenet import FEATURE_DEVIATION, load_movenet
from densepose_mobile.train.models.pyramid import Pyramid
from densepose_mobile.train.models.storage import load_weights, save_weights

__all__ = ["InpaintingNet", "load_inpainting", "mask_planes", "save_inpainting"]

_log = logging.getLogger(__name__)

_UNKNOWN_PLANE: Final = len(COARSE_NAMES)
_PLANES: Final = len(COARSE_NAMES) + 2  # background and 14 coarse parts, a person's unknown part, the person
_MASK_CHANNELS: Final = (24, 32, 48, 64, 96)  # at strides 2 to 32


def _plane_of_code() -> Tensor:
    planes = np.zeros(256, np.int64)
    planes[: NUM_PARTS + 1] = FINE_TO_COARSE
    planes[COARSE + FINE_TO_COARSE] = FINE_TO_COARSE
    planes[COARSE] = 0
    planes[PART_ONLY + 1 : PART_ONLY + NUM_PARTS + 1] = FINE_TO_COARSE[1:]
    planes[UNKNOWN_PART] = _UNKNOWN_PLANE
    return torch.from_numpy(planes)


def _mirror_plane() -> list[int]:
    planes = np.arange(_PLANES)
    planes[FINE_TO_COARSE] = FINE_TO_COARSE[MIRROR]
    return planes.tolist()


_PLANE_OF_CODE: Final = _plane_of_code()
_MIRROR_PLANE: Final = _mirror_plane()
_MIRROR_PART: Final = (MIRROR[1:].astype(int) - 1).tolist()
_TURNED: Final = {"u": torch.from_numpy(MIRROR_FLIPS_U[1:]), "v": torch.from_numpy(MIRROR_FLIPS_V[1:])}


def mask_planes(codes: Tensor) -> Tensor:
    """(B, h, w) uint8 codes of `train.data.targets` -> (B, 17, h, w) float32 planes of ones and zeros.

    Background, the 14 coarse parts, a person's unknown part, and the person. What may be anything is background.
    """
    plane = _PLANE_OF_CODE.to(codes.device)[codes.long()]
    person = plane > 0
    return torch.cat([nn.functional.one_hot(plane, _PLANES - 1).permute(0, 3, 1, 2), person[:, None]], 1).float()


class InpaintingNet(nn.Module):
    """Fully convolutional, but at home at one scale: crops of `crop_size` px, `margin` times a person's longer side."""

    def __init__(self, width: int = 64, crop_size: int = 192, margin: float = 1.2) -> None:
        super().__init__()
        self.width, self.crop_size, self.margin = width, crop_size, margin
        self.backbone = MobileNetV2()
        stem, *deeper = _MASK_CHANNELS
        self.mask_stem = ConvAct(_PLANES, stem, 3)
        self.mask_stages = nn.ModuleList(
            ConvAct(inputs, outputs, 3, 2) for inputs, outputs in zip(_MASK_CHANNELS, deeper, strict=False)
        )
        self.pyramid = Pyramid([a + b for a, b in zip(self.backbone.channels, deeper, strict=True)], width)
        self.context = nn.Sequential(ResidualSeparable(width), ResidualSeparable(width), ResidualSeparable(width))
        self.refine = nn.Sequential(ResidualSeparable(width), ResidualSeparable(width))
        self.fine = nn.Sequential(ConvAct(width + stem, width, 1), Separable(width, width, 5))
        self.output = nn.Conv2d(width, 3 * NUM_PARTS, 1)
        for module in (self.mask_stem, self.mask_stages, self.context, self.refine, self.fine):
            init_layers(module)
        nn.init.normal_(self.output.weight, std=0.01)
        assert self.output.bias is not None
        nn.init.constant_(self.output.bias[:NUM_PARTS], 0.0)
        nn.init.constant_(self.output.bias[NUM_PARTS:], 0.5)

    def load_pretrained(self, path: Path) -> None:
        """Start the backbone from MoveNet-Lightning's weights."""
        load_movenet(self.backbone, path)
        with torch.no_grad():
            for lateral, channels, deviation in zip(
                self.pyramid.laterals, self.backbone.channels, FEATURE_DEVIATION[self.backbone.width], strict=True
            ):
                assert isinstance(lateral, ConvAct)
                lateral.conv.weight[:, :channels].div_(deviation)
        _log.info("backbone initialised from %s", path.name)

    def forward(self, image: Tensor, planes: Tensor) -> dict[str, Tensor]:
        """Crops and their masks -> maps.

        image: (B, 3, S, S) RGB -1..1, S a multiple of 32. planes: (B, 17, S/2, S/2) of `mask_planes`.
        Returns parts (logits), u, v: (B, 24, S/2, S/2).
        """
        near = self.mask_stem(planes)
        masks = [near]
        for stage in self.mask_stages:
            masks.append(stage(masks[-1]))
        seen = self.backbone(image)
        x = self.pyramid([torch.cat(pair, 1) for pair in zip(seen, masks[1:], strict=True)])[0]
        x = self.refine(x + upsample(self.context(downsample(x))))
        maps = self.output(self.fine(torch.cat([upsample(x), near], 1)))
        parts, u, v = torch.split(maps, NUM_PARTS, 1)
        return {"parts": parts, "u": u, "v": v}

    def both_ways(self, image: Tensor, planes: Tensor) -> dict[str, Tensor]:
        """`forward`, averaged with what the network says of the mirrored crops: their errors differ."""
        images, masks = (
            torch.cat(pair).contiguous(memory_format=torch.channels_last)
            for pair in ((image, image.flip(3)), (planes, planes[:, _MIRROR_PLANE].flip(3)))
        )
        means = {}
        for name, maps in self(images, masks).items():
            plain, mirrored = maps.chunk(2)
            other = mirrored.flip(3)[:, _MIRROR_PART]
            if name in _TURNED:
                other = torch.where(_TURNED[name].to(other.device)[:, None, None], 1 - other, other)
            means[name] = (plain + other) / 2
        return means


def save_inpainting(path: Path, net: InpaintingNet, header: dict[str, Any]) -> None:
    """Write the weights; the header gains the network's sizes. It must be JSON-serialisable."""
    sizes = {"width": net.width, "crop_size": net.crop_size, "margin": net.margin}
    save_weights(path, net, {"inpainting": sizes, **header})


def load_inpainting(path: Path) -> tuple[InpaintingNet, dict[str, Any]]:
    """The network in evaluation mode and the header it was saved with.

    Raises AssetError: no such file, no inpainting network, or weights of another one.
    """
    net, header = load_weights(path, "inpainting network", lambda header: InpaintingNet(**header["inpainting"]))
    return net.to(memory_format=torch.channels_last), header
