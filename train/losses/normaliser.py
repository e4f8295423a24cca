"""What losses are divided by, where several processes train together on parts of one batch.

Gradients are averaged over the processes. A loss that every process divided by its own count would then weigh the
samples of one process against those of another by how many cells, boxes or people it happened to get. Divided by the
mean of the counts over the processes instead, the averaged gradient is that of one process with the whole batch.
"""

import torch
from torch import Tensor, distributed

__all__ = ["normalisers", "processes"]


def processes() -> int:
    """How many train together. A loss that is a sum, not a mean, is multiplied by it."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def normalisers(*counts: Tensor | float, device: torch.device, least: float = 1e-6) -> tuple[Tensor, ...]:
    """Each count, summed over the processes and no smaller than `least`, divided by the number of processes.

    Every process must come here equally often. Without other processes it is the count itself. Float32 scalars without
    gradient.
    """
    total = torch.stack([torch.as_tensor(count, dtype=torch.float32, device=device).detach() for count in counts])
    if processes() > 1:
        distributed.all_reduce(total)
    return (total.clamp(min=least) / processes()).unbind()
