"""The teacher: a DensePose-RCNN on whole pictures, and on crops of one person with the student's own geometry."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from densepose_mobile.errors import AssetError
from densepose_mobile.postprocess.decode import locations
from densepose_mobile.postprocess.rois import roi_boxes, roi_weights
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.backbone import MobileNetV2
from densepose_mobile.train.models.keypoints import load_keypoint_net
from densepose_mobile.train.models.movenet import FEATURE_DEVIATION, WEIGHT_FILES, movenet_width
from densepose_mobile.train.models.pose import PoseBranch
from densepose_mobile.train.models.roi import pool_rois
from densepose_mobile.train.models.teacher.backbone import make_backbone
from densepose_mobile.train.models.teacher.cascade import Cascade, StageMaps
from densepose_mobile.train.models.teacher.detector import Detections, PersonDetector, PersonTruths
from densepose_mobile.train.models.teacher.pyramid import Decoder, FeaturePyramid
from densepose_mobile.train.models.teacher.spec import TeacherSpec

__all__ = ["Teacher", "student_maps"]

_log = logging.getLogger(__name__)

_SILENT = -20.0  # score logit of a location without anybody
_PRESENT = 0.01  # of a crop's cells that must show the person


class Teacher(nn.Module):
    """Backbone, pyramid, detector, decoder and cascade; on a mobile backbone, MoveNet's layers of joints as well.

    Pictures are (B, 3, S, S) RGB scaled to -1..1. `spec` says the sizes of crops, regions and maps in the student's
    terms, so that whatever reads the student's maps reads the teacher's.
    """

    crop_wy: Tensor
    crop_wx: Tensor

    def __init__(self, design: TeacherSpec | None = None) -> None:
        super().__init__()
        self.design = design or TeacherSpec()
        self.spec: ModelSpec = self.design.geometry()
        self.backbone = make_backbone(self.design)
        self.pyramid = FeaturePyramid(self.backbone.channels, self.design.fpn_channels)
        self.pose: PoseBranch | None = None
        if isinstance(self.backbone, MobileNetV2):
            self.pose = PoseBranch(self.backbone, self.design.fpn_channels)
        self.detector = PersonDetector(self.design)
        self.decoder = Decoder(self.design.fpn_channels, self.design.decoder_channels)
        self.cascade = Cascade(self.design.decoder_channels, self.design)
        wy, wx = self.pooling(np.array([self.spec.track_roi], np.float32), self.spec.track_size)
        self.register_buffer("crop_wy", wy, persistent=False)
        self.register_buffer("crop_wx", wx, persistent=False)

    def load_pretrained(self, path: Path) -> None:
        """Start backbone and pose branch from MoveNet-Thunder, or a ResNet from torchvision's classifier.

        Raises AssetError for a file that is missing, or another one.
        """
        if not isinstance(self.backbone, MobileNetV2):
            self.backbone.load(path)
            return
        if (width := movenet_width(path)) != self.backbone.width:
            raise AssetError(
                f"{path} is of width {width}, a teacher on {self.design.backbone} begins with "
                f"{WEIGHT_FILES[self.backbone.width]}"
            )
        net = load_keypoint_net(path)
        self.backbone.load_state_dict(net.backbone.state_dict())
        if self.pose is not None:
            self.pose.begin_from(net)
        with torch.no_grad():
            for lateral, deviation in zip(self.pyramid.laterals(), FEATURE_DEVIATION[width], strict=True):
                lateral.weight.div_(deviation)
        _log.info("backbone initialised from %s", path.name)

    def freeze(self, stages: int) -> None:
        """Keep the first stages of the backbone as they are; all of them with the pose branch's pretrained layers."""
        self.backbone.freeze(stages)
        if self.pose is not None:
            self.pose.keep(stages == len(self.backbone.stages))

    def fpn(self, images: Tensor) -> list[Tensor]:
        """Pictures or crops -> levels (B, C, S / s, S / s), s = 4, 8, 16, 32."""
        if self.pose is None or not isinstance(self.backbone, MobileNetV2):
            return self.pyramid(self.backbone(images))
        features = self.backbone.levels(images)
        s4, s8, _, s16, s32 = features
        levels = self.pyramid((s4, s8, s16, s32))
        levels[0] = levels[0] + self.pose(features)[0]
        return levels

    def pooling(self, regions: NDArray[np.float32], size: int) -> tuple[Tensor, Tensor]:
        """Pooling weights wy, wx (N, R, size / 4) of regions (N, 4) xyxy px in pictures of `size` px."""
        stride = self.spec.feature_stride
        wy, wx = roi_weights(regions, size // stride, stride, self.spec.roi_size)
        return torch.from_numpy(wy), torch.from_numpy(wx)

    def stages(self, features: Tensor, wy: Tensor, wx: Tensor) -> list[StageMaps]:
        """Decoded features (P, C, H, W) and the weights of N regions, N / P of each picture -> maps of every stage."""
        pooled = pool_rois(features.permute(0, 2, 3, 1), wy, wx)
        return self.cascade(pooled.permute(0, 3, 1, 2))

    def crop_stages(self, levels: Sequence[Tensor]) -> list[StageMaps]:
        """Levels of crops of one person each -> maps of their central region, of every stage."""
        count = len(levels[0])
        wy, wx = (weights.expand(count, -1, -1) for weights in (self.crop_wy, self.crop_wx))
        return self.stages(self.decoder(levels), wy, wx)

    def look(self, crops: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Crops of one person each -> the levels of `fpn`, and the maps of `maps`."""
        levels = self.fpn(crops)
        return levels, student_maps(self.crop_stages(levels)[-1].dense)

    def maps(self, crops: Tensor) -> dict[str, Tensor]:
        """Crops of one person each -> foreground, parts, u, v, confidence (B, 1 or 24, m, m) as `Student.track`'s."""
        return self.look(crops)[1]

    def find(self, levels: Sequence[Tensor], truths: PersonTruths | None = None) -> Detections:
        """People of whole pictures from the levels of `fpn`; with losses in training, where `truths` is needed."""
        size = self.spec.feature_stride * levels[0].shape[2], self.spec.feature_stride * levels[0].shape[3]
        return self.detector(levels, size, truths)

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Whole pictures -> for each, boxes (N, 4) xyxy px, scores (N,), regions (N, 4) px and their maps.

        Maps are `student_maps` (N, ., m, m), with keypoints (N, 17, k, k) and mask (N, 1, R, R) logits of a cascade.
        """
        levels = self.fpn(images)
        found, features = self.find(levels), self.decoder(levels)
        pictures: list[dict[str, Tensor]] = []
        for place, (boxes, scores) in enumerate(zip(found.boxes, found.scores, strict=True)):
            regions = roi_boxes(boxes.cpu().numpy(), self.spec)
            wy, wx = (weights.to(images) for weights in self.pooling(regions, images.shape[-1]))
            last = self.stages(features[place : place + 1], wy, wx)[-1]
            extra = {"keypoints": last.keypoints, "mask": last.mask}
            people = {"boxes": boxes, "scores": scores, "regions": torch.from_numpy(regions).to(images)}
            people |= student_maps(last.dense)
            pictures.append(people | {name: value for name, value in extra.items() if value is not None})
        return pictures

    def detect(self, image: Tensor) -> dict[str, Tensor]:
        """Whole pictures -> features, scores, boxes as `Student.detect`'s.

        The detections are written at the locations nearest to their centres; everywhere else is nobody.
        """
        levels = self.fpn(image)
        found = self.find(levels)
        centre, stride = (torch.from_numpy(array.copy()).to(image) for array in locations(self.spec))
        scores = image.new_full((len(image), len(centre), 1), _SILENT)
        distances = image.new_zeros((len(image), len(centre), 4))
        for picture, (boxes, score) in enumerate(zip(found.boxes, found.scores, strict=True)):
            gap = torch.cdist((boxes[:, :2] + boxes[:, 2:]) / 2, centre)
            for row, box in enumerate(boxes):
                place = gap[row].argmin()
                gap[:, place] = torch.inf
                offset = torch.cat([centre[place] - box[:2], box[2:] - centre[place]])
                scores[picture, place, 0] = score[row].logit(1e-6)
                distances[picture, place] = offset.clamp(min=0) / stride[place]
        return {"features": self.decoder(levels), "scores": scores, "boxes": distances}

    def dense(self, features: Tensor, wy: Tensor, wx: Tensor) -> dict[str, Tensor]:
        """Features of `detect` and the weights of N regions -> maps as `Student.dense`'s."""
        return student_maps(self.stages(features, wy, wx)[-1].dense)

    def track(self, image: Tensor) -> dict[str, Tensor]:
        """`maps`, with presence (B, 1) logit and box (B, 4) in crop units read off the foreground."""
        maps = self.maps(image)
        cells = maps["foreground"].flatten(1)
        presence = cells.topk(max(int(_PRESENT * cells.shape[1]), 1), 1).values.mean(1, keepdim=True)
        x0, _, x1, _ = self.spec.track_roi
        low, side = x0 / self.spec.track_size, (x1 - x0) / self.spec.track_size
        return {**maps, "presence": presence, "box": low + side * _extent(maps["foreground"][:, 0] > 0)}


def student_maps(dense: dict[str, Tensor]) -> dict[str, Tensor]:
    """The student's five maps of the teacher's: foreground logit of coarse, parts of fine without its background."""
    coarse = dense["coarse"]
    foreground = coarse[:, 1:].logsumexp(1, keepdim=True) - coarse[:, :1]
    return {"foreground": foreground, "parts": dense["fine"][:, 1:]} | {
        name: dense[name] for name in ("u", "v", "confidence")
    }


def _extent(seen: Tensor) -> Tensor:
    """(B, 4) x0, y0, x1, y1 of the cells seen (B, m, m), 0..1; all of it where none is."""
    size = seen.shape[-1]
    sides: list[Tensor] = []
    for axis in (1, 2):  # over rows: columns that show something, then the other way
        shown = seen.any(axis).float()
        sides += [shown.argmax(1), size - shown.flip(1).argmax(1)]
    return torch.stack([sides[0], sides[2], sides[1], sides[3]], 1).float() / size
