"""What a student learns from a teacher's maps and features.

Soft targets at a temperature: Hinton et al., Distilling the Knowledge in a Neural Network, 2015. Features: channel-wise
distillation, Shu et al., ICCV 2021, section 3.2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.train.losses.boxes import generalised_iou
from densepose_mobile.train.losses.dense import PART_WEIGHT, UV_BEND
from densepose_mobile.train.losses.normaliser import normalisers

__all__ = ["Lesson", "channel_loss", "lesson_loss", "person_loss"]


@dataclass(frozen=True, eq=False)
class Lesson:
    """A teacher's maps of N crops, at the student's cells.

    foreground: (N, m, m), parts: (N, 24, m, m) logits. part: (N, m, m) int64, 0 background, 1..24. uv: (N, 2, m, m) on
    that part's chart. charted: (N, m, m) bool, where U and V are told. confidence: (N, m, m) probability.
    """

    foreground: Tensor
    parts: Tensor
    part: Tensor
    uv: Tensor
    charted: Tensor
    confidence: Tensor

    @classmethod
    def of(cls, maps: dict[str, Tensor], size: int) -> "Lesson":
        """From maps (N, 1 or 24, M, M) over the same region, M of any size, as `Student.track` gives them.

        Logits are interpolated between cell centres. U and V are, among the cells of the part alone: they jump at the
        borders of charts.
        """
        maps = {name: value.float() for name, value in maps.items()}
        own = functional.one_hot(maps["parts"].argmax(1), NUM_PARTS).permute(0, 3, 1, 2).float()
        own = own * (maps["foreground"] > 0)
        fields = torch.cat([maps["foreground"], maps["confidence"], maps["parts"]], 1)
        charts = torch.cat([own, own * maps["u"], own * maps["v"]], 1)
        if maps["parts"].shape[-1] != size:
            fields, charts = (
                functional.interpolate(value, (size, size), mode="bilinear", align_corners=False)
                for value in (fields, charts)
            )
        foreground, confidence, parts = fields[:, 0], fields[:, 1], fields[:, 2:]
        best = parts.argmax(1)
        weight, u, v = (_channel(chart, best) for chart in torch.split(charts, NUM_PARTS, 1))
        shown = foreground > 0
        charted = shown & (weight > 1e-3)
        uv = torch.stack([u, v], 1) / weight.clamp(min=1e-3)[:, None]
        part = torch.where(shown, best + 1, 0)
        return cls(foreground, parts, part, uv.clamp(0, 1), charted, confidence.sigmoid())


def lesson_loss(
    maps: dict[str, Tensor], lesson: Lesson, asked: Tensor, trust: Tensor, temperature: float
) -> dict[str, Tensor]:
    """Divergence of the foreground and of the parts from the teacher's, and smooth L1 of U, V on the teacher's part.

    maps: (N, 1 or 24, m, m) of the student. asked: (N, m, m) bool, cells that are averaged over; trust: (N, m, m) how
    far each is believed, 0..1. A doubted cell counts in the average all the same, so that a doubtful teacher says
    less. Returns foreground, parts, uv: scalars, means over the cells of all processes that train together.
    """
    weight = trust * asked
    shown = asked & (lesson.part > 0)
    share = torch.where(shown, PART_WEIGHT.to(weight.device)[(lesson.part - 1).clamp(min=0)], 0.0)
    cells, total = normalisers(asked.sum(), share.sum(), device=share.device)
    student = maps["foreground"][:, 0].float() / temperature
    teacher = lesson.foreground / temperature
    cross, entropy = (
        functional.binary_cross_entropy_with_logits(logit, teacher.sigmoid(), reduction="none")
        for logit in (student, teacher)
    )
    soft = functional.log_softmax(maps["parts"].float() / temperature, 1)
    true = functional.log_softmax(lesson.parts / temperature, 1)
    parts = (true.exp() * (true - soft)).sum(1)
    best = (lesson.part - 1).clamp(min=0)
    predicted = torch.stack([_channel(maps[name].float(), best) for name in ("u", "v")], 1)
    error = functional.smooth_l1_loss(predicted, lesson.uv, beta=UV_BEND, reduction="none").sum(1)
    squared = temperature**2
    return {
        "foreground": squared * ((cross - entropy) * weight).sum() / cells,
        "parts": squared * (parts * weight * share).sum() / total,
        "uv": (error * weight * share * lesson.charted).sum() / total,
    }


def channel_loss(student: Tensor, teacher: Tensor, trust: Tensor, temperature: float, crops: Tensor | float) -> Tensor:
    """Where in the picture a channel is active: divergence between the channels' distributions over the cells.

    student: (N, C, h, w). teacher: (N, C, H, W), brought to h x w. trust: (N,) how far each crop is believed, 0..1.
    crops: by how many the sum over crops is divided. Mean over channels, scalar.
    """
    if teacher.shape[-2:] != student.shape[-2:]:
        teacher = functional.interpolate(teacher.float(), student.shape[-2:], mode="bilinear", align_corners=False)
    soft = functional.log_softmax(student.float().flatten(2) / temperature, 2)
    true = functional.log_softmax(teacher.float().flatten(2) / temperature, 2)
    each = (true.exp() * (true - soft)).sum(2).mean(1)
    return temperature**2 * (each * trust).sum() / crops


def person_loss(
    presence: Tensor, box: Tensor, taught_presence: Tensor, taught_box: Tensor, trust: Tensor, crops: Tensor | float
) -> dict[str, Tensor]:
    """Cross-entropy of presence with the teacher's probability, GIoU and L1 of the box where the teacher sees one.

    presence, taught_presence: (N, 1) logits. box, taught_box: (N, 4) xyxy in crop units. trust: (N,) 0..1.
    crops: by how many the sums over crops are divided. Returns presence, place: scalars.
    """
    probability = taught_presence[:, 0].float().sigmoid()
    cross = functional.binary_cross_entropy_with_logits(presence[:, 0].float(), probability, reduction="none")
    predicted, true = box.float(), taught_box.float().clamp(0, 1)
    _, giou = generalised_iou(predicted, true)
    gap = 1 - giou + 2 * (predicted - true).abs().mean(1)
    return {"presence": (cross * trust).sum() / crops, "place": (gap * probability * trust).sum() / crops}


def _channel(maps: Tensor, channel: Tensor) -> Tensor:
    """(N, C, m, m) at a channel for each cell (N, m, m) -> (N, m, m)."""
    return maps.gather(1, channel[:, None])[:, 0]
