"""Core ML graphs evaluated in NumPy, to check their numbers on machines that have no Core ML.

The program inside of a `.mlpackage` (MIL, the language of Core ML's compiler) is read and its operators are computed
one by one: slowly, and rounded to float16 wherever the program stores float16, as a device would. Only the order of
additions differs, and what Core ML's compiler may fuse.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import BackendUnavailable, BundleError
from densepose_mobile.runtime.mil_operators import OPERATORS, UnsupportedArgument
from densepose_mobile.runtime.mlpackage import Package, coremltools, open_package, to_pixels
from densepose_mobile.runtime.protocol import Placement, check_inputs
from densepose_mobile.spec import GraphSpec

__all__ = ["MilGraph", "MilRuntime"]

_CONSTANT = ("const", "constexpr_")


class MilRuntime:
    """Opens Core ML graphs without Core ML.

    threads: NumPy takes no number of threads; `Placement.threads` says so. Raises BackendUnavailable where
    `coremltools` is missing or does not load.
    """

    name = "mil"

    def __init__(self, threads: int = 2) -> None:
        with _quiet():
            self._tools = coremltools()

    def load(self, spec: GraphSpec, model: bytes) -> "MilGraph":
        """Prepare a graph; see `Runtime.load`."""
        from coremltools.converters.mil.frontend.milproto.load import load
        from coremltools.converters.mil.mil import types

        package = open_package(self._tools, spec, model)
        try:
            with _quiet():
                version = package.proto.specificationVersion
                program = load(package.proto, version, file_weights_dir=str(package.weights))
            (function,) = program.functions.values()
        except Exception as error:  # whatever the many layers of coremltools raise
            raise BundleError(
                f"coremltools cannot read the program of graph {spec.name!r} ({error}); convert the model again"
            ) from error
        return MilGraph(spec, package, _compiled(spec.name, function, types.nptype_from_builtin))


@dataclass(frozen=True)
class _Step:
    """One operator. Arrays that are computed are known by number; constants stand in their places."""

    kind: str
    constants: Mapping[str, Any]
    computed: Mapping[str, int | tuple[int | NDArray[Any], ...]]
    result: int
    dtype: Any  # in which the result is stored
    done_with: tuple[int, ...]  # arrays that no later step reads


@dataclass(frozen=True)
class _Program:
    steps: tuple[_Step, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


class MilGraph:
    """One graph. Tensors are found by name."""

    def __init__(self, spec: GraphSpec, package: Package, program: _Program) -> None:
        self.spec = spec
        self._pictures = package.pictures
        self._program = program
        self.placement = Placement(
            "Core ML", ("NumPy",), tuple(step.kind for step in program.steps), None, "not run on Apple hardware"
        )

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run; see `Graph`. Pictures are rounded to the 256 levels that a picture has."""
        arrays: dict[int, NDArray[Any]] = {}
        for tensor, array in zip(self.spec.inputs, check_inputs(self.spec, inputs), strict=True):
            picture = tensor.name in self._pictures
            number = self._program.inputs[tensor.name]
            arrays[number] = to_pixels(array).transpose(0, 3, 1, 2).astype(np.float32) if picture else array
        for step in self._program.steps:
            arrays[step.result] = self._computed(step, arrays)
            for number in step.done_with:
                del arrays[number]
        outputs = (arrays[self._program.outputs[tensor.name]] for tensor in self.spec.outputs)
        return tuple(np.array(output, np.float32) for output in outputs)

    def _computed(self, step: _Step, arrays: Mapping[int, NDArray[Any]]) -> NDArray[Any]:
        def value(reference: int | NDArray[Any]) -> NDArray[Any]:
            array = arrays[reference] if isinstance(reference, int) else reference
            return array.astype(np.float32) if array.dtype == np.float16 else array

        arguments = {
            name: tuple(map(value, given)) if isinstance(given, tuple) else value(given)
            for name, given in step.computed.items()
        }
        try:
            with np.errstate(over="ignore"):  # beyond float16 lies infinity, there as here
                return np.asarray(OPERATORS[step.kind](**arguments, **step.constants)).astype(step.dtype)
        except UnsupportedArgument as error:
            raise BackendUnavailable(f"graph {self.spec.name!r} holds {error}, which is not evaluated here") from error


def _compiled(graph: str, function: Any, numpy_type: Callable[[Any], Any]) -> _Program:
    """The program as steps. Raises BackendUnavailable for operators that this module does not know."""
    numbers: dict[int, int] = {}  # id of a variable -> number of its array

    def numbered(variable: Any) -> int:
        return numbers.setdefault(id(variable), len(numbers))

    inputs = {name: numbered(variable) for name, variable in function.inputs.items()}
    operators = [op for op in function.operations if not op.op_type.startswith(_CONSTANT)]
    unknown = sorted({op.op_type for op in operators} - set(OPERATORS))
    if unknown:
        raise BackendUnavailable(
            f"graph {graph!r} holds the operators {', '.join(unknown)}, which are not evaluated here: "
            "verify it on a Mac"
        )
    outputs = {variable.name: numbered(variable) for variable in function.outputs}
    last: dict[int, int] = {}
    parsed = []
    for index, operator in enumerate(operators):
        constants, computed = _arguments(operator, numbered)
        for given in computed.values():
            used = given if isinstance(given, tuple) else (given,)
            last |= {number: index for number in used if isinstance(number, int)}
        (result,) = operator.outputs
        parsed.append((operator.op_type, constants, computed, numbered(result), numpy_type(result.dtype)))
    kept = set(outputs.values())
    steps = []
    for index, parts in enumerate(parsed):
        finished = tuple(number for number, at in last.items() if at == index and number not in kept)
        steps.append(_Step(*parts, finished))
    return _Program(tuple(steps), inputs, outputs)


def _arguments(
    operator: Any, numbered: Callable[[Any], int]
) -> tuple[dict[str, Any], dict[str, int | tuple[int | NDArray[Any], ...]]]:
    """Arguments that are constant, and those that are computed."""
    constants: dict[str, Any] = {}
    computed: dict[str, int | tuple[int | NDArray[Any], ...]] = {}
    for name, given in operator.inputs.items():
        if given is None:
            continue
        if isinstance(given, (list, tuple)):
            parts = [_constant(variable) for variable in given]
            computed[name] = tuple(
                numbered(variable) if part is None else np.asarray(part)
                for variable, part in zip(given, parts, strict=True)
            )
        elif (value := _constant(given)) is not None:
            half = isinstance(value, (np.ndarray, np.generic)) and value.dtype == np.float16
            constants[name] = value.astype(np.float32) if half else value
        else:
            computed[name] = numbered(given)
    return constants, computed


def _constant(variable: Any) -> Any:
    """The value of a constant, decompressed if need be, or None for a variable that is computed."""
    operator = variable.op
    if operator is not None and operator.op_type.startswith("constexpr_"):
        return operator.materialized_val_inference()
    return variable.val if operator is not None and operator.op_type == "const" else None


@contextmanager
def _quiet() -> Iterator[None]:
    """coremltools warns, at length, of other packages' versions and of the Core ML that is not here."""
    logger = logging.getLogger("coremltools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
