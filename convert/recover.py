"""A float student from the graphs of a bundle, to train on where the checkpoint is lost.

    python -m densepose_mobile.convert.recover BUNDLE.dpm --movenet ASSETS/weights/movenet_lightning.npz \
        --out student.safetensors

Every weight of the student stands in one of the graphs, as an int8 or float constant. Which constant is which follows
from a second student, converted on the spot, whose weights are random and therefore all different. An int8 graph's
channels were brought to a common range before rounding (see `convert.equalise`); the factors are taken back here, since
the step of an optimiser does not shrink with them.
"""

import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import typer
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import nn

from densepose_mobile.bundle import Bundle
from densepose_mobile.convert.card import file_sha256
from densepose_mobile.convert.equalise import Pair, pairs_of
from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.convert.flatbuffer import read_graph
from densepose_mobile.convert.litert import to_litert
from densepose_mobile.convert.quantise import WEIGHTED
from densepose_mobile.train.models.graphs import graph_module
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import save_student

__all__ = ["recover_student", "relax_channels"]

_log = logging.getLogger(__name__)

_SWEEPS: Final = 40  # the norm of a layer's weights depends on the factors of those before it
_LARGEST: Final = 256.0  # factor, as in `convert.equalise`

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weight and bias of one convolution as the graph stores them, dequantised."""


def recover_student(bundle: Bundle, head_width: int) -> Student:
    """The student whose weights the bundle's graphs hold; rounding is not undone.

    Raises:
        ConversionError: the graphs are not those of a student of this version.
    """
    spec = bundle.spec
    marked = Student(spec, head_width).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in marked.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    names = {_mark(parameter): name for name, parameter in marked.named_parameters()}
    state = {}
    for graph in (spec.detect(), spec.dense(min(spec.roi_batches)), spec.track()):
        ours = _layers(to_litert(graph_module(marked, graph), graph))
        theirs = _layers(bundle.graph(graph.name))
        if [w.shape for w, _ in ours] != [w.shape for w, _ in theirs]:
            raise ConversionError(f"graph {graph.name!r} of the bundle has other layers than this version's student")
        for known, found in zip(ours, theirs, strict=True):
            for mark, values in zip(known, found, strict=True):
                name = names[_mark(torch.from_numpy(mark))]
                state[name] = _torch_order(values, marked.get_parameter(name).shape)
    missing = set(names.values()) - set(state)
    if missing:
        raise ConversionError(f"the bundle's graphs do not hold {len(missing)} weights, among them {min(missing)!r}")
    marked.load_state_dict(state)
    return marked


def relax_channels(student: Student, reference: Student) -> None:
    """Scale channels down, in place, to the norm that their weights have in `reference`; the function stays the same.

    reference: the network as training begins. Only factors of one and more are taken back, as equalisation gives them:
    a channel that is not scaled up cannot meet the ceiling of ReLU6 where it did not before.
    """
    pairs = pairs_of(student)
    taken = [torch.ones(_layer(student, pair.writers[0]).out_channels) for pair in pairs]
    with torch.no_grad():
        for _ in range(_SWEEPS):
            for number, pair in enumerate(pairs):
                wanted = _norm(student, pair) / _norm(reference, pair).clamp(min=1e-6)
                total = (taken[number] * wanted).clamp(1.0, _LARGEST)
                _scale(student, pair, taken[number] / total)
                taken[number] = total


def _norm(student: Student, pair: Pair) -> torch.Tensor:
    """(C,) root of the summed squares of the weights that write each channel."""
    return torch.stack([_layer(student, name).weight.square().sum((1, 2, 3)) for name in pair.writers]).sum(0).sqrt()


def _scale(student: Student, pair: Pair, factor: torch.Tensor) -> None:
    for name in pair.writers:
        layer = _layer(student, name)
        assert layer.bias is not None
        layer.weight.mul_(factor[:, None, None, None])
        layer.bias.mul_(factor)
    for name in pair.readers:
        layer = _layer(student, name)
        layer.weight.div_(factor.reshape((-1, 1, 1, 1) if layer.groups > 1 else (1, -1, 1, 1)))


def _layer(student: Student, name: str) -> nn.Conv2d:
    layer = student.get_submodule(name)
    assert isinstance(layer, nn.Conv2d)
    return layer


def _mark(values: torch.Tensor) -> tuple[float, float, int]:
    """What tells a constant of the marked student, whatever the order of its axes."""
    flat = values.double().flatten()
    return round(float(flat.min()), 6), round(float(flat.max()), 6), flat.numel()


def _layers(model: bytes) -> list[Layer]:
    interpreter: Any = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    details = {int(detail["index"]): detail for detail in interpreter.get_tensor_details()}

    def constant(index: int) -> NDArray[np.float32]:
        values = interpreter.get_tensor(index)
        quantisation = details[index]["quantization_parameters"]
        scales = quantisation["scales"]
        if not len(scales):
            return np.asarray(values, np.float32)
        shape = [1] * values.ndim
        shape[quantisation["quantized_dimension"]] = -1
        return np.asarray(values.astype(np.float64) * scales.astype(np.float64).reshape(shape), np.float32)

    operators = [operator for operator in read_graph(model).operators if operator.kind in WEIGHTED]
    return [(constant(operator.inputs[1]), constant(operator.inputs[2])) for operator in operators]


def _torch_order(values: NDArray[np.float32], shape: torch.Size) -> torch.Tensor:
    """OHWI, or 1HWC of a depthwise convolution, to torch's OIHW; a bias as it is."""
    tensor = torch.from_numpy(values)
    if len(shape) == 4 and tensor.ndim == 4:
        depthwise = tensor.shape[0] == 1 and shape[0] == tensor.shape[3]
        tensor = tensor.permute(3, 0, 1, 2) if depthwise else tensor.permute(0, 3, 1, 2)
    return tensor.reshape(shape).contiguous()


def _main(
    bundle: Path = typer.Argument(..., help="A bundle of LiteRT graphs, NAME.dpm."),
    out: Path = typer.Option(..., help="Student weights to write, a .safetensors file."),
    movenet: Path = typer.Option(..., help="Weights that the backbone's training began with, an .npz file."),
) -> None:
    """Write the student of a bundle as a checkpoint for `densepose-mobile train --init`."""
    opened = Bundle.open(bundle)
    training = opened.manifest.provenance["training"]
    width = int(training["recipe"]["head_width"])
    student = recover_student(opened, width)
    torch.manual_seed(0)
    reference = Student(opened.spec, width)
    reference.load_pretrained(movenet)
    relax_channels(student, reference)
    student.backbone.freeze(int(training["recipe"]["optimisation"]["frozen_stages"]))
    frozen = {name for name, parameter in student.backbone.named_parameters() if not parameter.requires_grad}
    student.backbone.load_state_dict(
        {**student.backbone.state_dict(), **{n: v for n, v in reference.backbone.state_dict().items() if n in frozen}}
    )
    save_student(out, student, {"recovered_from": file_sha256(bundle), **training})
    _log.info("%s: the student of %s", out, bundle)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    typer.run(_main)
