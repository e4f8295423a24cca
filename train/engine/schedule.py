"""Learning rate: warm-up, then a schedule that lets a run be extended, or half a cosine over a run of known length."""

import math

from densepose_mobile.train.engine.recipe import Optimisation

__all__ = ["lr_factor"]


def lr_factor(step: int, plan: Optimisation) -> float:
    """Factor of the learning rate at `step` (0-based).

    "extendable": steady, then inverse square root. Until the cool-down it does not depend on `max_steps`, so a run can
    be extended over several sessions; the last `cooldown_steps` before `max_steps` fall linearly to zero from where the
    rate then is. "cosine" (Loshchilov and Hutter, SGDR, ICLR 2017, without restarts): from 1 after the warm-up to zero
    at `max_steps`.
    """
    warmup = min((step + 1) / max(plan.warmup_steps, 1), 1.0)
    if plan.schedule == "cosine":
        passed = (step - plan.warmup_steps) / max(plan.max_steps - plan.warmup_steps, 1)
        return warmup * (1 + math.cos(math.pi * min(max(passed, 0.0), 1.0))) / 2
    factor = warmup * (math.sqrt(plan.steady_steps / max(step, plan.steady_steps, 1)) if plan.steady_steps else 1.0)
    if plan.cooldown_steps:
        factor *= min(max((plan.max_steps - step) / plan.cooldown_steps, 0.0), 1.0)
    return factor
