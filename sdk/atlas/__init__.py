"""The body atlas: 24 charts on a template body, from (part, U, V) to the body and back, and distances on it.

>>> atlas = Atlas.load()
>>> point = atlas.surface_point(np.array([2], np.uint8), np.array([0.66]), np.array([0.5]))  # the navel, metres
>>> part, uv = atlas.iuv(point)
"""

from densepose_mobile.atlas.core import KEYPOINTS, Atlas, Raster

__all__ = ["KEYPOINTS", "Atlas", "Raster"]
