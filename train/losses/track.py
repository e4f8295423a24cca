"""Loss of the track head: is the person there, and where exactly."""

from torch import Tensor
from torch.nn import functional

from densepose_mobile.train.losses.boxes import generalised_iou
from densepose_mobile.train.losses.normaliser import normalisers

__all__ = ["track_loss"]


def track_loss(presence: Tensor, box: Tensor, truth: Tensor, true_box: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of presence; L1 and GIoU of the box where the person is there.

    presence: (B, 1) logits. box, true_box: (B, 4) xyxy in crop units. truth: (B,) 1.0 or 0.0.
    Returns presence, place: scalars, means over the crops of all processes that train together.
    """
    there = truth > 0.5
    predicted, true = box[there].float(), true_box[there]
    _, giou = generalised_iou(predicted, true)
    presence_loss = functional.binary_cross_entropy_with_logits(presence[:, 0].float(), truth, reduction="sum")
    crops, people = normalisers(len(truth), len(predicted), device=box.device)
    place = (1 - giou).sum() + 2 * (predicted - true).abs().mean(1).sum()
    return {"presence": presence_loss / crops, "place": place / people}
