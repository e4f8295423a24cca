"""Random draws of the training stream as pure functions of the run's seed and of what they are for.

Nothing is left in a generator between two draws, so that any process can repeat any of them: a resumed run, another
number of loading processes, or one of many processes that train together.
"""

from enum import IntEnum

import numpy as np

__all__ = ["Draw", "generator"]


class Draw(IntEnum):
    """What a draw is for."""

    PLAN = 0  # of a batch: which pictures, whom to crop
    ROUND = 1  # which shards, in which order their pictures
    PHOTOS = 2  # order of the annotated photos, each time through
    LOOK = 3  # how a picture is disturbed
    ROW = 4  # how a sample is cut out of it
    ROIS = 5  # which boxes of a whole picture the dense head is shown
    BOXES = 6  # which boxes a teacher's detector is trained on, of a whole picture
    TORCH = 7  # whatever a network draws in training


def generator(seed: int, draw: Draw, *numbers: int) -> np.random.Generator:
    """The generator of one draw, told apart by non-negative numbers, such as those of the batch or of the look."""
    return np.random.default_rng((seed, int(draw), *numbers))
