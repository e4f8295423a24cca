"""Two-stage person detector on the pyramid, of torchvision's pieces.

Ren et al., Faster R-CNN, NeurIPS 2015; Lin et al., Feature Pyramid Networks, CVPR 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign, box_iou

from densepose_mobile.train.models.teacher.spec import TeacherSpec

__all__ = ["Detections", "PersonDetector", "PersonTruths"]

_ANCHORS: Final = ((32,), (64,), (128,), (256,), (512,))  # px, strides 4 to 64
_ASPECTS: Final = (0.5, 1.0, 2.0)  # height / width
_POOLED: Final = 7  # cells of the box head
_MATCH: Final = 0.5  # IoU from which on a proposal is a person
_COVERED: Final = 0.5  # of a box that lies within somebody too small to judge: it is neither right nor wrong


@dataclass(frozen=True, eq=False)
class PersonTruths:
    """People of P pictures. boxes: for each picture (M, 4) xyxy px. unsure: (K, 4), people too small to judge.

    seeds: for each picture, of the draw of boxes that it is trained on; empty for draws that nobody can repeat.
    """

    boxes: list[Tensor]
    unsure: list[Tensor]
    seeds: Sequence[int] = ()

    @classmethod
    def of(cls, boxes: Tensor, kinds: Tensor, seeds: Sequence[int] = ()) -> "PersonTruths":
        """boxes: (P, M, 4) xyxy px. kinds: (P, M), 0 nobody, 1 a person, 2 too small to judge."""
        sorts = [[own[kind == sort] for own, kind in zip(boxes, kinds, strict=True)] for sort in (1, 2)]
        return cls(sorts[0], sorts[1], seeds)


@dataclass(frozen=True, eq=False)
class Detections:
    """For each picture: boxes (N, 4) xyxy px and scores (N,) 0..1, best first.

    losses: of training, by name. counts: over how many boxes each of them is a mean.
    """

    boxes: list[Tensor]
    scores: list[Tensor]
    losses: dict[str, Tensor]
    counts: dict[str, int]


def _cover(boxes: Tensor, unsure: Tensor) -> Tensor:
    """(N,) bool: most of the box lies within one of the others."""
    if not len(unsure):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    low = torch.maximum(boxes[:, None, :2], unsure[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], unsure[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    return (shared / (boxes[:, 2:] - boxes[:, :2]).prod(1).clamp(min=1e-6)[:, None]).amax(1) > _COVERED


class _Draws:
    """Draws boxes to train on, as torchvision does, but for each picture from a seed of its own.

    So it makes no difference which pictures are in a batch, or in which process. seeds: to be set before; drawn: how
    many boxes the latest draw has.
    """

    def __init__(self, boxes: int, positive: float) -> None:
        self._boxes, self._positive = boxes, positive
        self.seeds: Sequence[int] = ()
        self.drawn = 0

    def __call__(self, labels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """labels: for each picture (N,), 0 nobody, 1 and more somebody, below 0 neither. Two masks for each picture."""
        masks: tuple[list[Tensor], list[Tensor]] = [], []
        most = int(self._boxes * self._positive), self._boxes
        for place, own in enumerate(labels):
            seeded = torch.Generator().manual_seed(self.seeds[place]) if self.seeds else None
            left = self._boxes
            for sort, kind in enumerate((own >= 1, own == 0)):
                rows = kind.nonzero()[:, 0]
                chosen = torch.randperm(len(rows), generator=seeded)[: min(most[sort], left)].to(rows.device)
                left -= len(chosen)
                masks[sort].append(torch.zeros_like(own, dtype=torch.uint8).index_fill_(0, rows[chosen], 1))
        self.drawn = int(torch.cat(masks[0] + masks[1]).sum())
        return masks


class _Proposals(RegionProposalNetwork):
    """Anchors on people too small to judge are left out of the loss."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for own, boxes, target in zip(labels, anchors, targets, strict=True):
            own[(own == 0) & _cover(boxes, target["unsure"])] = -1.0
        return labels, matched


class PersonDetector(nn.Module):
    """Region proposals, then a box head that scores them as people and refines them."""

    def __init__(self, design: TeacherSpec) -> None:
        super().__init__()
        channels = design.fpn_channels
        anchors = AnchorGenerator(_ANCHORS, (_ASPECTS,) * len(_ANCHORS))
        self.proposals = _Proposals(
            anchors,
            RPNHead(channels, anchors.num_anchors_per_location()[0]),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 2000, "testing": 1000},
            post_nms_top_n={"training": 1000, "testing": 1000},
            nms_thresh=0.7,
        )
        self._first, self._second = _Draws(256, 0.5), _Draws(512, 0.25)
        self.proposals.fg_bg_sampler = self._first
        self.boxes = RoIHeads(
            MultiScaleRoIAlign(["0", "1", "2", "3"], _POOLED, 2),
            TwoMLPHead(channels * _POOLED**2, design.box_width),
            FastRCNNPredictor(design.box_width, 2),
            fg_iou_thresh=_MATCH,
            bg_iou_thresh=_MATCH,
            batch_size_per_image=512,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=0.05,
            nms_thresh=0.5,
            detections_per_img=100,
        )
        self.boxes.fg_bg_sampler = self._second

    def forward(self, levels: Sequence[Tensor], size: tuple[int, int], truths: PersonTruths | None) -> Detections:
        """Levels (P, C, H, W) at strides 4 to 32 of pictures of `size` (height, width) px.

        In training `truths` is needed; the detections are then those proposals that the box head is trained on.
        """
        if self.training and truths is None:
            raise ValueError("training needs the true boxes")
        named = {str(i): level.float() for i, level in enumerate(levels)}
        count, sizes = len(levels[0]), [size] * len(levels[0])
        coarsest = functional.max_pool2d(named["3"], 1, 2)
        pictures = ImageList(levels[0].new_empty((count, 3, *size), device="meta"), sizes)
        targets: list[dict[str, Tensor]] | None = None
        if truths is not None:
            self._first.seeds = self._second.seeds = truths.seeds
            targets = [
                {"boxes": own, "unsure": unsure, "labels": torch.ones(len(own), dtype=torch.int64, device=own.device)}
                for own, unsure in zip(truths.boxes, truths.unsure, strict=True)
            ]
        proposals, losses = self.proposals(pictures, {**named, "pool": coarsest}, targets)
        if not self.training or truths is None:
            found, _ = self.boxes(named, proposals, sizes)
            return Detections([own["boxes"] for own in found], [own["scores"] for own in found], {}, {})
        proposals = [_judged(*own) for own in zip(proposals, truths.boxes, truths.unsure, strict=True)]
        chosen, _, labels, offsets = self.boxes.select_training_samples(proposals, targets)
        logits, regression = self.boxes.box_predictor(
            self.boxes.box_head(self.boxes.box_roi_pool(named, chosen, sizes))
        )
        score, place = fastrcnn_loss(logits, regression, labels, offsets)
        with torch.no_grad():
            boxes, scores, _ = self.boxes.postprocess_detections(logits, regression, chosen, sizes)
        first = {"proposal_score": losses["loss_objectness"], "proposal_box": losses["loss_rpn_box_reg"]}
        counts = dict.fromkeys(first, self._first.drawn) | dict.fromkeys(("score", "box"), self._second.drawn)
        return Detections(boxes, scores, {**first, "score": score, "box": place}, counts)


def _judged(proposals: Tensor, boxes: Tensor, unsure: Tensor) -> Tensor:
    """Those that are right or wrong: not most of one on somebody too small to judge, unless it is a true one."""
    judged = ~_cover(proposals, unsure)
    if len(boxes):
        judged |= box_iou(proposals, boxes).amax(1) >= _MATCH
    return proposals[judged]
