"""Learning rate over a run that may be extended: warm-up, steady, inverse square root, and a cool-down at its end."""

import math

from densepose_mobile.train.engine.recipe import Optimisation

__all__ = ["lr_factor"]


def lr_factor(step: int, plan: Optimisation) -> float:
    """Factor of the learning rate at `step` (0-based).

    Until the cool-down it does not depend on `max_steps`, so a run can be extended over several sessions; the last
    `cooldown_steps` before `max_steps` fall linearly to zero from where the rate then is.
    """
    factor = min((step + 1) / max(plan.warmup_steps, 1), 1.0)
    factor *= math.sqrt(plan.steady_steps / max(step, plan.steady_steps, 1)) if plan.steady_steps else 1.0
    if plan.cooldown_steps:
        factor *= min(max((plan.max_steps - step) / plan.cooldown_steps, 0.0), 1.0)
    return factor
