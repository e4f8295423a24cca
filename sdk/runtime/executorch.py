"""ExecuTorch through its Python runtime, which imports torch: the one adapter that does."""

import gc
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.protocol import Placement, check_inputs, check_tensors
from densepose_mobile.runtime.pte import ProgramParts, read_parts
from densepose_mobile.spec import GraphSpec

__all__ = ["ExecuTorchGraph", "ExecuTorchRuntime"]

_METHOD: Final = "forward"
_XNNPACK: Final = "XnnpackBackend"
_KERNELS: Final = "portable kernels"
_OPEN: Final["WeakSet[ExecuTorchGraph]"] = WeakSet()


class ExecuTorchRuntime:
    """Opens ExecuTorch programs.

    threads: of each call, >= 1. ExecuTorch has one pool of threads a process, and changing it under an open graph is
    not safe: while graphs are open, `load` raises BackendUnavailable for another number. So does the constructor where
    `executorch` is missing or does not load.
    """

    name = "executorch"

    def __init__(self, threads: int = 2) -> None:
        try:
            import torch
            from executorch.extension.pybindings import portable_lib
            from executorch.runtime import Runtime
        except ImportError as error:
            raise BackendUnavailable(
                f'ExecuTorch does not load ({error}): pip install "densepose-mobile[executorch]"'
            ) from error
        self._to_torch: Callable[[Any], Any] = torch.from_numpy
        self._runtime = Runtime.get()
        self._delegates = tuple(self._runtime.backend_registry.registered_backend_names)
        self._pool: Any = portable_lib
        self._threads = threads

    def load(self, spec: GraphSpec, model: bytes) -> "ExecuTorchGraph":
        """Prepare a graph; see `Runtime.load`."""
        try:
            parts = read_parts(model)
        except BundleError as error:
            raise BundleError(f"graph {spec.name!r}: {error}") from error
        missing = sorted(set(parts.delegates) - set(self._delegates))
        if missing:
            raise BackendUnavailable(
                f"graph {spec.name!r} was lowered to {', '.join(missing)}, which ExecuTorch has not on this machine "
                f"(it has {', '.join(self._delegates)}): run the bundle on its own device, or take an executorch-fp32 "
                "bundle"
            )
        self._set_threads()
        try:
            program = self._runtime.load_program(model)
        except RuntimeError as error:
            raise BundleError(
                f"ExecuTorch cannot read graph {spec.name!r} ({error}); convert the model again"
            ) from error
        if program.method_names != {_METHOD}:
            raise BundleError(
                f"graph {spec.name!r} has the methods {sorted(program.method_names)}, not {_METHOD!r} alone; "
                "convert the model again from its spec"
            )
        try:
            method = program.load_method(_METHOD)
        except RuntimeError as error:
            raise BackendUnavailable(
                f"ExecuTorch cannot run graph {spec.name!r} ({error}); try another target"
            ) from error
        return ExecuTorchGraph(spec, program, method, parts, self._to_torch, self._threads)

    def _set_threads(self) -> None:
        count = self._pool._threadpool_get_thread_count()
        if count == self._threads:
            return
        gc.collect()  # models that were dropped may hang in a cycle
        if len(_OPEN):
            raise BackendUnavailable(
                f"{len(_OPEN)} open ExecuTorch graphs of this process use {count} threads, which cannot become "
                f"{self._threads} under them: ask for threads={count}, or drop those models first"
            )
        self._pool._unsafe_reset_threadpool(self._threads)


class ExecuTorchGraph:
    """One graph. Tensors go by position."""

    def __init__(
        self,
        spec: GraphSpec,
        program: Any,
        method: Any,
        parts: ProgramParts,
        to_torch: Callable[[Any], Any],
        threads: int,
    ) -> None:
        self.spec = spec
        self._program = program  # owns the method's memory
        self._method = method
        self._to_torch = to_torch
        meta = method.metadata
        inputs = [meta.input_tensor_meta(i) for i in range(meta.num_inputs())]
        outputs = [meta.output_tensor_meta(i) for i in range(meta.num_outputs())]
        check_tensors(spec.name, "input", spec.inputs, [_described(tensor) for tensor in inputs])
        check_tensors(spec.name, "output", spec.outputs, [_described(tensor) for tensor in outputs])
        requested = ", ".join(dict.fromkeys(parts.delegates)) or _XNNPACK
        used = parts.delegates + (_KERNELS,) * bool(parts.operators)
        self.placement = Placement(requested, used, parts.operators, threads)
        _OPEN.add(self)

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run; see `Graph`."""
        # torch has no read-only tensors and warns of arrays that are.
        arrays = (a if a.flags.writeable else a.copy() for a in check_inputs(self.spec, inputs))
        outputs = self._method.execute(tuple(self._to_torch(array) for array in arrays))
        return tuple(np.ascontiguousarray(output.numpy()) for output in outputs)


def _described(tensor: Any) -> tuple[tuple[int, ...], str]:
    """Shape and dtype; dtypes are numbers of ExecuTorch's ScalarType."""
    return tuple(int(n) for n in tensor.sizes()), {6: "float32"}.get(tensor.dtype(), f"scalar type {tensor.dtype()}")
