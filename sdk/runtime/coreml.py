"""Core ML through coremltools' `MLModel.predict`, which only macOS has."""

import sys
import warnings
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable
from densepose_mobile.runtime.mlpackage import Package, coremltools, open_package, to_pixels
from densepose_mobile.runtime.protocol import Placement, check_inputs
from densepose_mobile.spec import GraphSpec

__all__ = ["CoreMlGraph", "CoreMlRuntime"]

_UNITS: Final = "ALL"


class CoreMlRuntime:
    """Opens Core ML graphs.

    threads: Core ML takes no number of threads; `Placement.threads` says so. Raises BackendUnavailable on other systems
    than macOS, and where `coremltools` is missing or does not load.
    """

    name = "coreml"
    _tools: Any  # the module coremltools

    def __init__(self, threads: int = 2) -> None:
        if sys.platform != "darwin":
            raise BackendUnavailable(
                f"Core ML runs on macOS only, this is {sys.platform}: "
                'backend="mil" computes the same numbers anywhere, slowly'
            )
        self._tools = coremltools()

    def load(self, spec: GraphSpec, model: bytes) -> "CoreMlGraph":
        """Prepare a graph; see `Runtime.load`."""
        package = open_package(self._tools, spec, model)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded = self._tools.models.MLModel(
                    str(package.path), compute_units=getattr(self._tools.ComputeUnit, _UNITS)
                )
        except Exception as error:  # NSErrors come as RuntimeError, and as others from coremltools itself
            raise BackendUnavailable(f"Core ML cannot run graph {spec.name!r} ({error}); try another target") from error
        return CoreMlGraph(spec, package, loaded)


class CoreMlGraph:
    """One graph. Tensors are found by name; pictures go in as PIL images."""

    def __init__(self, spec: GraphSpec, package: Package, model: Any) -> None:
        self.spec = spec
        self._pictures = package.pictures
        self._model = model
        self.placement = Placement(
            f"compute units {_UNITS}", ("Core ML",), None, None, "Core ML chooses CPU, GPU or Neural Engine by itself"
        )

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run; see `Graph`. Pictures are rounded to the 256 levels that a picture has."""
        names = [tensor.name for tensor in self.spec.inputs]
        arrays = dict(zip(names, check_inputs(self.spec, inputs), strict=True))
        outputs = self._model.predict({name: self._given(name, array) for name, array in arrays.items()})
        return tuple(np.array(outputs[tensor.name], np.float32).reshape(tensor.shape) for tensor in self.spec.outputs)

    def _given(self, name: str, array: NDArray[np.float32]) -> Any:
        if name not in self._pictures:
            return array
        from PIL import Image

        return Image.fromarray(to_pixels(array[0]))
