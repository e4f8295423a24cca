"""From a float32 LiteRT graph to float16 weights, or to int8 weights and activations.

int8 is static: symmetric weights with one scale a channel, asymmetric activations with one scale a tensor, float32
inputs and outputs (Jacob et al., CVPR 2018). The RoI pooling and what moves its data stay in floating point inside the
same delegate: an int8 batched matrix product is twenty times slower than the float one, and the pooling weights would
lose their small values.
"""

import contextlib
import io
import re
import struct
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import numpy as np
from ai_edge_quantizer import quantizer
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.recipe_manager import AlgorithmName, RecipeManager

from densepose_mobile.calibration.statistics import Range
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import GraphFile, Operator, read_graph

__all__ = ["float_operators", "layers", "to_float16", "to_int8"]

_MATMUL: Final = "BATCH_MATMUL"
_MOVES: Final = frozenset({"RESHAPE", "TRANSPOSE", "BROADCAST_TO", "SLICE", "CONCATENATION"})
_WEIGHTED: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def to_float16(model: bytes) -> bytes:
    """Store convolution weights as float16; XNNPACK unpacks them once, and computes in float32."""
    recipe = RecipeManager()
    for kind in _WEIGHTED:
        recipe.add_weight_only_config(
            ".*", TFLOperationName(kind), num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING
        )
    return _quantize(model, recipe, None)


def to_int8(model: bytes, ranges: Mapping[str, Range], keep: Collection[str] = ()) -> bytes:
    """Quantise weights and activations to int8.

    ranges: of every tensor that the graph computes or is given, by tensor name (see `calibration.statistics`).
    keep: names of operators (see `layers`) that stay in floating point besides those that must.

    Raises:
        ConversionError: a range is missing, an operator of `keep` is not in the graph, or the quantiser fails.
    """
    graph = read_graph(model)
    named = {graph.name(operator): operator for operator in graph.operators}
    unknown = sorted(set(keep) - set(named))
    if unknown:
        raise ConversionError(f"there is no operator {unknown[0]!r} in the graph; see its layers")
    missing = sorted({graph.names[tensor] for tensor in (*graph.inputs, *graph.producers())} - set(ranges))
    if missing:
        raise ConversionError(f"{len(missing)} tensors have no calibrated range, among them {missing[0]!r}; calibrate")
    recipe = RecipeManager()
    recipe.add_static_config(".*", TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    for side in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        recipe.add_quantization_config(".*", side, algorithm_key=AlgorithmName.NO_QUANTIZE)
    kept = [*float_operators(graph), *(named[name] for name in keep)]
    for operator in kept:
        recipe.add_quantization_config(
            f"^{re.escape(graph.name(operator))};?$",
            TFLOperationName(operator.kind),
            algorithm_key=AlgorithmName.NO_QUANTIZE,
        )
    statistics = {
        name: {"min": np.array(value.low, np.float32), "max": np.array(value.high, np.float32)}
        for name, value in ranges.items()
    }
    return _quantize(model, recipe, statistics)


def float_operators(graph: GraphFile) -> tuple[Operator, ...]:
    """Operators that stay in floating point whatever the calibration says."""
    producers = graph.producers()
    consumers: dict[int, list[Operator]] = {}
    for operator in graph.operators:
        for tensor in operator.inputs:
            consumers.setdefault(tensor, []).append(operator)
    island = [operator for operator in graph.operators if operator.kind == _MATMUL]
    seen = set(island)
    while island:
        operator = island.pop()
        before = [producers[tensor] for tensor in operator.inputs if tensor in producers]
        after = [consumer for tensor in operator.outputs for consumer in consumers.get(tensor, [])]
        for neighbour in (*before, *after):
            if neighbour.kind in _MOVES and neighbour not in seen:
                seen.add(neighbour)
                island.append(neighbour)
    return tuple(operator for operator in graph.operators if operator in seen)


def layers(model: bytes) -> tuple[str, ...]:
    """Names of the operators with weights, in order: those whose quantisation can be chosen."""
    graph = read_graph(model)
    return tuple(graph.name(operator) for operator in graph.operators if operator.kind in _WEIGHTED)


def _quantize(model: bytes, recipe: RecipeManager, statistics: Mapping[str, Any] | None) -> bytes:
    try:
        with _quiet():
            tool = quantizer.Quantizer(model, recipe.get_quantization_recipe())
            result = tool.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    except (ValueError, RuntimeError, KeyError, IndexError, struct.error) as error:
        raise ConversionError(f"the graph cannot be quantised: {error}") from error
    if result.quantized_model is None:
        raise ConversionError("the quantiser gave no graph")
    return bytes(result.quantized_model)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
