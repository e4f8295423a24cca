"""Where pictures come from: one protocol, one module a kind."""

from densepose_mobile.apps.camera.sources.choice import KINDS, Choice, Kind, choice_for, open_source
from densepose_mobile.apps.camera.sources.protocol import Source

__all__ = ["KINDS", "Choice", "Kind", "Source", "choice_for", "open_source"]
