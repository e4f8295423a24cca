"""What runs the graphs: one protocol, one adapter a third-party runtime, imported only when it is opened."""

from densepose_mobile.runtime.protocol import Graph, Runtime, check_inputs
from densepose_mobile.runtime.registry import backends, open_runtime

__all__ = ["Graph", "Runtime", "backends", "check_inputs", "open_runtime"]
