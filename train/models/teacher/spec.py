"""What a teacher is made of: backbone, widths, heads, stages and sizes. The defaults are the full size."""

from dataclasses import dataclass
from typing import Final

from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec

__all__ = ["BACKBONES", "BACKBONE_NORMS", "GROUPS", "HEADS", "TeacherSpec"]

BACKBONES: Final = ("resnet50", "resnet101", "mobilenet_v2_1.75")
BACKBONE_NORMS: Final = ("frozen_batch", "group")
HEADS: Final = ("deeplab", "conv8")

GROUPS: Final = 32
"""Groups of every group normalisation; widths under one are multiples of it."""


@dataclass(frozen=True)
class TeacherSpec:
    """Architecture of a teacher (Güler et al., CVPR 2018; head of the strongest public charts model).

    A dense head is followed by a 4x4 deconvolution of stride 2, and by bilinear enlarging where the maps are larger.
    """

    backbone: str = "resnet101"  # or resnet50, mobilenet_v2_1.75
    backbone_norm: str = "frozen_batch"  # of a ResNet; "group" where it starts without pretrained weights
    fpn_channels: int = 256  # of the pyramid
    decoder_channels: int = 256  # of the merged stride-4 map that regions are pooled from
    head: str = "deeplab"  # or conv8
    head_width: int = 512  # channels of the dense head
    head_convs: int = 8  # 3x3, after the pyramid of dilations where there is one
    dilations: tuple[int, ...] = (6, 12, 56)  # of "deeplab"; beyond the region's cells only the centre tap is left
    non_local: bool = False  # attention between all cells of a region, of "deeplab"
    coarse_channels: int = 2  # background and person, or 15: background and 14 coarse parts
    uv_confidence: bool = False  # a standard deviation of U, V for each point and part, trained by likelihood
    cascade: int = 1  # stages that refine the first; 0: no keypoint and mask branches either
    keypoint_width: int = 512  # channels of the keypoint branch
    keypoint_convs: int = 8  # 3x3
    mask_width: int = 256  # channels of the mask branch
    mask_convs: int = 4  # 3x3
    box_width: int = 1024  # of the two layers of the box head
    roi_size: int = 28  # cells, a multiple of 4
    map_size: int = 112  # cells, 2 or 4 times roi_size
    input_size: int = 800  # px, whole pictures, a multiple of 32
    crop_size: int = 384  # px, one person's crop, a multiple of 32

    def __post_init__(self) -> None:
        for name, known in (("backbone", BACKBONES), ("backbone_norm", BACKBONE_NORMS), ("head", HEADS)):
            if getattr(self, name) not in known:
                raise InputError(f"`teacher.{name}` is {getattr(self, name)!r}; one of {', '.join(known)} is expected")
        for name, known_numbers in (
            ("coarse_channels", (2, 15)),
            ("cascade", (0, 1, 2)),
            ("map_size", (2 * self.roi_size, 4 * self.roi_size)),
        ):
            if getattr(self, name) not in known_numbers:
                choice = ", ".join(map(str, known_numbers))
                raise InputError(f"`teacher.{name}` is {getattr(self, name)}; one of {choice} is expected")
        multiples = {"roi_size": 4, "input_size": 32, "crop_size": 32}
        multiples |= {"head_width": GROUPS} if self.head == "deeplab" else {}
        for name, factor in multiples.items():
            if getattr(self, name) % factor or getattr(self, name) < factor:
                raise InputError(f"`teacher.{name}` is {getattr(self, name)}; a multiple of {factor} is expected")

    def geometry(self) -> ModelSpec:
        """Sizes of crops, regions and maps, in the terms of the student's contract."""
        return ModelSpec(
            detect_size=self.input_size,
            track_size=self.crop_size,
            feature_channels=self.decoder_channels,
            roi_size=self.roi_size,
            map_size=self.map_size,
        )
