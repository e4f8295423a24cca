"""Live cameras: frames in from one thread, results out on another, the newest frame first."""

from densepose_mobile.streaming.stream import Stream

__all__ = ["Stream"]
