"""Every target that a student converts to: a runtime family at a precision, how to get there, and what it takes."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from densepose_mobile.convert.coreml import to_coreml
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.executorch import to_executorch
from densepose_mobile.convert.network import Network
from densepose_mobile.convert.onnx import to_onnx
from densepose_mobile.convert.quantise import to_float16, to_int8
from densepose_mobile.errors import InputError
from densepose_mobile.runtime import backends
from densepose_mobile.spec import GraphSpec

__all__ = ["ALL", "TARGETS", "Target", "choose_targets"]

ALL: Final = "all"


@dataclass(frozen=True)
class Target:
    """One target.

    name: family-precision, as in a bundle's manifest. converter: makes one graph's bytes. requires: modules that it
    imports, from `extra` of densepose-mobile. packages: distributions whose versions a bundle records.
    """

    name: str
    converter: Callable[[Network, GraphSpec], bytes]
    extra: str
    requires: tuple[str, ...]
    packages: tuple[str, ...]
    runs_on: str
    device_only: bool = False  # no runtime of a desktop computer runs it: its bundle may be lowered and not run

    @property
    def family(self) -> str:
        """What runs the graphs, as in a bundle's manifest."""
        return self.name.rpartition("-")[0]

    @property
    def precision(self) -> str:
        """int8, fp16 or fp32."""
        return self.name.rpartition("-")[2]

    @property
    def backend(self) -> str | None:
        """The backend that runs the graphs here, or None."""
        able = [backend for backend in backends(self.family) if backend.available]
        return next((b.name for b in sorted(able, key=lambda b: not b.automatic)), None)

    @property
    def obstacle(self) -> str | None:
        """What is missing for the conversion, and the line that installs it; None for nothing."""
        missing = [module for module in self.requires if find_spec(module) is None]
        return self._needs(missing[0]) if missing else None

    def versions(self) -> dict[str, str]:
        """Installed versions of `packages`."""
        found = {}
        for package in self.packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    def lower(self, network: Network, graph: GraphSpec) -> bytes:
        """Convert one graph.

        Raises:
            ConversionError: an extra is missing, or the graph holds what the target cannot express.
            InputError: int8 without a calibration set.
        """
        if self.obstacle:
            raise ConversionError(self.obstacle)
        try:
            return self.converter(network, graph)
        except ModuleNotFoundError as error:
            raise ConversionError(self._needs(error.name or str(error))) from error

    def _needs(self, module: str) -> str:
        return f'{self.name} needs {module}, which is not installed: pip install "densepose-mobile[{self.extra}]"'


def _litert_int8(network: Network, graph: GraphSpec) -> bytes:
    rounded = network.rounded
    return to_int8(rounded.float_graph(graph), rounded.ranges(graph))


def _coreml(network: Network, graph: GraphSpec) -> bytes:
    return to_coreml(network.module(graph), graph, network.version, network.notes())


_LITERT: Final = ("convert", ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"))
_LITERT_PACKAGES: Final = ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert")
_EXECUTORCH: Final = ("convert-executorch", ("executorch",))
_EXECUTORCH_COREML: Final = ("convert-executorch", ("executorch", "coremltools"))
_PHONES: Final = "Android, iOS and desktop processors"

TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for target in (
        Target("litert-fp32", Network.float_graph, *_LITERT, _LITERT_PACKAGES, f"{_PHONES} (XNNPACK)"),
        Target(
            "litert-fp16",
            lambda network, graph: to_float16(network.float_graph(graph)),
            *_LITERT,
            _LITERT_PACKAGES,
            f"{_PHONES} (XNNPACK); weights of half the size",
        ),
        Target(
            "litert-int8",
            _litert_int8,
            *_LITERT,
            _LITERT_PACKAGES,
            f"{_PHONES} with int8 dot products (XNNPACK); needs a calibration set",
        ),
        Target(
            "onnx-fp32",
            lambda network, graph: to_onnx(network.module(graph), graph),
            "convert-onnx",
            ("onnx", "onnxscript", "onnxruntime"),
            ("torch", "onnx", "onnxscript", "onnxruntime"),
            "ONNX Runtime on any processor",
        ),
        Target(
            "executorch-fp32",
            lambda network, graph: to_executorch(network.module(graph), graph, "xnnpack"),
            *_EXECUTORCH,
            ("torch", "executorch", "torchao"),
            f"{_PHONES} (XNNPACK)",
        ),
        Target(
            "executorch-coreml-fp16",
            lambda network, graph: to_executorch(network.module(graph), graph, "coreml"),
            *_EXECUTORCH_COREML,
            ("torch", "executorch", "coremltools"),
            "iOS 17 (Core ML inside of ExecuTorch)",
            device_only=True,
        ),
        Target(
            "executorch-vulkan-fp32",
            lambda network, graph: to_executorch(network.module(graph), graph, "vulkan"),
            *_EXECUTORCH,
            ("torch", "executorch"),
            "Android graphics processors (Vulkan)",
            device_only=True,
        ),
        Target(
            "coreml-fp16",
            _coreml,
            "convert-coreml",
            ("coremltools",),
            ("torch", "coremltools"),
            "iOS 17 and macOS 14: processor, graphics processor and Neural Engine",
        ),
    )
}
"""By name, in the order in which `all` converts them."""


def choose_targets(text: str) -> tuple[Target, ...]:
    """Targets by name, comma-separated, or "all". Raises InputError for an unknown name, with the nearest known one."""
    if text.strip() == ALL:
        return tuple(TARGETS.values())
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in TARGETS:
            near = difflib.get_close_matches(name, TARGETS, n=1)
            hint = f"; is it {near[0]!r}?" if near else ""
            raise InputError(f"unknown target {name!r}: {ALL}, or some of {', '.join(TARGETS)}{hint}")
    if not names:
        raise InputError(f"no target was named: {ALL}, or some of {', '.join(TARGETS)}")
    return tuple(TARGETS[name] for name in names)
