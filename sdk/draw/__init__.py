"""Pictures of results: part colours, surface coordinates, contours, boxes."""

from densepose_mobile.draw.core import DEFAULT_STYLES, STYLES, draw
from densepose_mobile.draw.legend import legend, legend_rows
from densepose_mobile.draw.palette import PALETTE

__all__ = ["DEFAULT_STYLES", "PALETTE", "STYLES", "draw", "legend", "legend_rows"]
