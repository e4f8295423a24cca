"""People to draw: identities, shapes, clothes and poses, sampled."""

from densepose_mobile.train.data.persons import KEYPOINT_NAMES, Layer, PosedPerson

__all__ = ["KEYPOINT_NAMES", "Layer", "PosedPerson"]
