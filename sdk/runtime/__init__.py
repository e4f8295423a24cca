"""What runs the graphs: one protocol, one adapter a third-party runtime, imported only when it is opened."""

from densepose_mobile.runtime.protocol import Graph, Placement, Runtime, check_inputs
from densepose_mobile.runtime.registry import Backend, backends, open_runtime, with_runtime

__all__ = ["Backend", "Graph", "Placement", "Runtime", "backends", "check_inputs", "open_runtime", "with_runtime"]
