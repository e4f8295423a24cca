"""Loss of the track head: is the person there, and where exactly."""

from torch import Tensor
from torch.nn import functional

from densepose_mobile.train.losses.boxes import generalised_iou

__all__ = ["track_loss"]


def track_loss(presence: Tensor, box: Tensor, truth: Tensor, true_box: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of presence; L1 and GIoU of the box where the person is there.

    presence: (B, 1) logits. box, true_box: (B, 4) xyxy in crop units. truth: (B,) 1.0 or 0.0.
    Returns presence, place: scalars.
    """
    there = truth > 0.5
    losses = {"presence": functional.binary_cross_entropy_with_logits(presence[:, 0].float(), truth)}
    if there.any():
        predicted = box[there].float()
        _, giou = generalised_iou(predicted, true_box[there])
        losses["place"] = (1 - giou).mean() + 2 * (predicted - true_box[there]).abs().mean()
    else:
        losses["place"] = box.float().sum() * 0.0
    return losses
