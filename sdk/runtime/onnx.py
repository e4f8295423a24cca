"""ONNX through ONNX Runtime, on its CPU provider."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.protocol import Placement, check_inputs, check_named_tensors
from densepose_mobile.spec import GraphSpec

__all__ = ["OnnxGraph", "OnnxRuntime"]

_PROVIDER: Final = "CPUExecutionProvider"
_ERRORS_ONLY: Final = 3
# onnxruntime's own exceptions have no base but Exception; these say that the file is sound and the runtime is not able.
_UNABLE: Final = ("NotImplemented", "EPFail", "EngineError")


class OnnxRuntime:
    """Opens ONNX graphs.

    threads: of each call, >= 1. Raises BackendUnavailable where `onnxruntime` is missing or does not load.
    """

    name = "onnx"

    def __init__(self, threads: int = 2) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise BackendUnavailable(
                f'ONNX Runtime does not load ({error}): pip install "densepose-mobile[onnx]"'
            ) from error
        self._session = onnxruntime.InferenceSession
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1
        self._options.log_severity_level = _ERRORS_ONLY

    def load(self, spec: GraphSpec, model: bytes) -> "OnnxGraph":
        """Prepare a graph; see `Runtime.load`."""
        try:
            session = self._session(model, self._options, providers=[_PROVIDER])
        except Exception as error:
            if type(error).__name__ in _UNABLE:
                raise BackendUnavailable(
                    f"ONNX Runtime cannot run graph {spec.name!r} ({error}); try another target"
                ) from error
            raise BundleError(
                f"ONNX Runtime cannot read graph {spec.name!r} ({error}); convert the model again"
            ) from error
        return OnnxGraph(spec, session, self._options.intra_op_num_threads)


class OnnxGraph:
    """One graph. Tensors are found by name."""

    def __init__(self, spec: GraphSpec, session: Any, threads: int) -> None:
        self.spec = spec
        self._session = session
        self._names = [tensor.name for tensor in spec.inputs], [tensor.name for tensor in spec.outputs]
        check_named_tensors(spec.name, "input", spec.inputs, _described(session.get_inputs()))
        check_named_tensors(spec.name, "output", spec.outputs, _described(session.get_outputs()))
        used = tuple(str(provider) for provider in session.get_providers())
        # With one provider in the session, every operator is its: others would have failed to load.
        self.placement = Placement(_PROVIDER, used, () if used == (_PROVIDER,) else None, threads)

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run; see `Graph`."""
        names, outputs = self._names
        return tuple(self._session.run(outputs, dict(zip(names, check_inputs(self.spec, inputs), strict=True))))


def _described(tensors: list[Any]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name -> shape and dtype."""
    dtypes = {"tensor(float)": "float32"}
    return {tensor.name: (tuple(tensor.shape), dtypes.get(tensor.type, tensor.type)) for tensor in tensors}
