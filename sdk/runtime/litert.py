"""LiteRT (TFLite) through `ai-edge-litert`."""

from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime.interpreter import InterpreterRuntime

__all__ = ["LiteRtRuntime"]


class LiteRtRuntime(InterpreterRuntime):
    """Opens LiteRT graphs.

    threads: of each call, >= 1. Raises BackendUnavailable where `ai-edge-litert` is missing or does not load.
    """

    name = "litert"

    def __init__(self, threads: int = 2) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise BackendUnavailable(
                f'LiteRT does not load ({error}): pip install "densepose-mobile[litert]"'
            ) from error
        super().__init__("LiteRT", Interpreter, threads)
