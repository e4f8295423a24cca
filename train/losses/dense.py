"""Loss of the dense maps: foreground, part, surface coordinate."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from densepose_mobile.parts import FINE_TO_COARSE, KAPPA, NUM_PARTS
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN
from densepose_mobile.train.losses.normaliser import normalisers

__all__ = ["PARTLY_KNOWN", "PART_WEIGHT", "UV_BEND", "DenseTarget", "dense_loss", "seen_cells"]

PART_WEIGHT: Final = torch.from_numpy((0.15 / KAPPA[1:]) ** 0.5).float()
"""(24,) weight of each true part: hands and feet cover few cells and have a small kappa."""

UV_BEND: Final = 0.03
"""Chart units, where smooth L1 turns from square to linear."""

_BACKGROUND_WEIGHT: Final = 0.5


def _allowed_parts() -> Tensor:
    table = torch.zeros(256, NUM_PARTS, dtype=torch.bool)
    for part, coarse in enumerate(FINE_TO_COARSE[1:].tolist()):
        table[COARSE + coarse, part] = table[PART_ONLY + 1 + part, part] = True
    return table


PARTLY_KNOWN: Final = _allowed_parts()
"""(256, 24) the fine parts that a code of `train.data.targets` leaves, where it knows some but no coordinates."""


@dataclass(frozen=True, eq=False)
class DenseTarget:
    """Truth of N RoIs, cells of the person only.

    part: (N, m, m) int64, 0 background, 1..24, or what `train.data.targets` says of cells that are less known.
    uv: (N, 2, m, m) float32 0..1, where the part is 1..24.
    """

    part: Tensor
    uv: Tensor

    @classmethod
    def of(cls, maps: Tensor) -> "DenseTarget":
        """From sampled maps (N, 3, m, m) uint8: part, round(255 U), round(255 V)."""
        return cls(maps[:, 0].long(), maps[:, 1:].float() / 255)

    @property
    def foreground(self) -> Tensor:
        """(N, m, m) bool: cells of the person."""
        return (self.part > 0) & (self.part != UNKNOWN)

    @property
    def fine(self) -> Tensor:
        """(N, m, m) bool: cells whose part and U, V are known."""
        return (self.part > 0) & (self.part <= NUM_PARTS)


def dense_loss(maps: dict[str, Tensor], target: DenseTarget) -> dict[str, Tensor]:
    """Foreground cross-entropy and dice, part cross-entropy, U and V smooth L1 on the true part's chart.

    maps: (N, 1 or 24, m, m) as the dense head gives them. Returns foreground, dice, parts, uv: scalars, means over
    cells (dice over RoIs), of all processes that train together.
    """
    truth = target.foreground.float()
    known = (target.part != UNKNOWN).float()
    logit = maps["foreground"][:, 0].float()
    weight = torch.where(truth > 0, 1.0, _BACKGROUND_WEIGHT) * known
    cross = functional.binary_cross_entropy_with_logits(logit, truth, weight, reduction="sum")
    probability = logit.sigmoid() * known
    overlap = (probability * truth).sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (probability.sum((1, 2)) + truth.sum((1, 2)) + 1)
    seen = target.fine
    part = target.part[seen] - 1  # (K,)
    part_weight = PART_WEIGHT.to(part.device)
    share = part_weight[part]
    fine = functional.cross_entropy(seen_cells(maps["parts"], seen), part, part_weight, reduction="sum")
    rough, rough_cells = _partly_known_loss(maps["parts"], target.part)
    chart = part[:, None]
    predicted = torch.cat([seen_cells(maps[name], seen).gather(1, chart) for name in ("u", "v")], 1)
    true = torch.stack([target.uv[:, i][seen] for i in (0, 1)], 1)
    error = functional.smooth_l1_loss(predicted, true, beta=UV_BEND, reduction="none").sum(1)
    shares = share.sum()
    cells, rois, parts, points = normalisers(weight.sum(), len(dice), shares + rough_cells, shares, device=logit.device)
    return {
        "foreground": cross / cells,
        "dice": dice.sum() / rois,
        "parts": (fine + rough) / parts,
        "uv": (error * share).sum() / points,
    }


def _partly_known_loss(logits: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Summed cross-entropy where truth leaves a choice of fine parts, any of which is right; number of such cells."""
    allowed = PARTLY_KNOWN.to(codes.device)
    seen = allowed.any(1)[codes]
    probability = functional.log_softmax(seen_cells(logits, seen), 1)
    return -probability.masked_fill(~allowed[codes[seen]], -torch.inf).logsumexp(1).sum(), seen.sum()


def seen_cells(maps: Tensor, seen: Tensor) -> Tensor:
    """(N, C, m, m) at the cells `seen` (N, m, m) -> (K, C) float32."""
    return maps.permute(0, 2, 3, 1)[seen].float()
