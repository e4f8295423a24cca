"""TFLite through the older and smaller `tflite-runtime`, for machines that have no LiteRT wheel."""

import numpy as np

from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime.interpreter import InterpreterRuntime

__all__ = ["TfliteRuntime"]


class TfliteRuntime(InterpreterRuntime):
    """Opens LiteRT graphs, of a `Bundle`, whose hashes were checked: damaged ones crash the process.

    threads: of each call, >= 1. Raises BackendUnavailable where `tflite-runtime` is missing or does not load, and
    beside NumPy 2, for which it was not built: it imports there and then fails at every model.
    """

    name = "tflite"

    def __init__(self, threads: int = 2) -> None:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError as error:
            raise BackendUnavailable(
                f"tflite-runtime does not load ({error}): in an environment of its own (it needs NumPy 1), "
                'pip install "densepose-mobile[tflite]"'
            ) from error
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
            raise BackendUnavailable(
                f"tflite-runtime was built for NumPy 1, and this is NumPy {np.__version__}: in an environment of its "
                'own, pip install "densepose-mobile[tflite]"'
            )
        super().__init__("tflite-runtime", Interpreter, threads)
