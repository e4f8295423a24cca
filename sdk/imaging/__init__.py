"""Pictures on their way in: files and arrays to RGB, RGB to network input, and the mapping back."""

from densepose_mobile.imaging.color import COLORS, ROTATIONS, as_rgb
from densepose_mobile.imaging.letterbox import Letterbox, crop_input, network_input
from densepose_mobile.imaging.load import PICTURE_SUFFIXES, load_image
from densepose_mobile.imaging.video_file import name_for_opencv, open_video

__all__ = [
    "COLORS",
    "PICTURE_SUFFIXES",
    "ROTATIONS",
    "Letterbox",
    "as_rgb",
    "crop_input",
    "load_image",
    "name_for_opencv",
    "network_input",
    "open_video",
]
