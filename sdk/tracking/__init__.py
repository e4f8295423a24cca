"""People followed through a video: one crop a person and frame, with numbers that stay."""

from densepose_mobile.tracking.clock import Clock
from densepose_mobile.tracking.options import VideoOptions
from densepose_mobile.tracking.video import Video

__all__ = ["Clock", "Video", "VideoOptions"]
