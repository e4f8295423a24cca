import numpy as np
import pytest
import torch

from densepose_mobile.postprocess.rois import roi_weights
from densepose_mobile.spec import MAP_OUTPUTS, GraphSpec, ModelSpec
from densepose_mobile.train.models.graphs import graph_module
from densepose_mobile.train.models.student import Student

SPEC = ModelSpec(detect_size=128, track_size=96, feature_channels=16, roi_batches=(1, 3))


@pytest.fixture(scope="module")
def student() -> Student:
    torch.manual_seed(0)
    student = Student(SPEC, head_width=16).eval()
    for head in (student.detector, student.dense_head, student.track_head):
        for parameter in head.parameters():  # outputs that differ from place to place
            if parameter.ndim == 4:
                torch.nn.init.normal_(parameter, std=0.1)
    return student


def inputs(graph: GraphSpec) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(tensor.shape, generator=generator) * 2 - 1 for tensor in graph.inputs]


@pytest.mark.parametrize("graph", SPEC.graphs(), ids=lambda graph: graph.name)
def test_graph_has_the_inputs_and_outputs_of_its_spec(student: Student, graph: GraphSpec) -> None:
    with torch.no_grad():
        outputs = graph_module(student, graph)(*inputs(graph))
    assert [tuple(x.shape) for x in outputs] == [tensor.shape for tensor in graph.outputs]
    assert all(x.isfinite().all() and x.std() > 0 for x in outputs if x.numel() > 4)


@pytest.mark.parametrize("graph", SPEC.graphs(), ids=lambda graph: graph.name)
def test_graph_equals_the_student(student: Student, graph: GraphSpec) -> None:
    given = inputs(graph)
    with torch.no_grad():
        outputs = graph_module(student, graph)(*given)
        first = given[0].permute(0, 3, 1, 2)
        if graph.name == "detect":
            expected = student.detect(first)
        elif graph.name == "track":
            expected = student.track(first)
        else:
            expected = student.dense(first, given[1], given[2])
    for tensor, value in zip(graph.outputs, outputs, strict=True):
        want = expected[tensor.name]
        want = want.permute(0, 2, 3, 1) if want.ndim == 4 else want
        torch.testing.assert_close(value, want)


def test_unknown_graph_is_refused(student: Student) -> None:
    with pytest.raises(ValueError, match="dense_2"):
        graph_module(student, SPEC.dense(2))


def test_full_size_graphs_have_the_default_shapes() -> None:
    student = Student()
    for graph in ModelSpec().graphs():
        with torch.no_grad():
            outputs = graph_module(student, graph)(*inputs(graph))
        assert [tuple(x.shape) for x in outputs] == [tensor.shape for tensor in graph.outputs]


def test_track_pools_the_fixed_central_roi(student: Student) -> None:
    image = torch.rand(2, 3, 96, 96) * 2 - 1
    with torch.no_grad():
        tracked = student.track(image)
        features = student.levels(image)[0][0]
        wy, wx = roi_weights(np.array([SPEC.track_roi] * 2, np.float32), 24, 4, SPEC.roi_size)
        maps = student.dense(features, torch.from_numpy(wy), torch.from_numpy(wx))
    for name in MAP_OUTPUTS:
        torch.testing.assert_close(tracked[name], maps[name])


@pytest.mark.parametrize("size", [96, 128, 160, 192, 256])
def test_crops_of_several_sizes_have_a_place(size: int) -> None:
    spec = ModelSpec(detect_size=64, track_size=size, feature_channels=8, roi_size=8, map_size=16)
    student = Student(spec, head_width=8).eval()
    with torch.no_grad():
        out = student.track(torch.zeros(1, 3, size, size))
    assert out["parts"].shape == (1, 24, 16, 16)
    assert out["box"].shape == (1, 4)


def test_fresh_heads_start_at_background_and_the_middle_of_the_charts() -> None:
    student = Student(SPEC, head_width=16).eval()
    with torch.no_grad():
        out = student.track(torch.zeros(1, 3, 96, 96))
    assert out["foreground"].mean() < -0.5
    assert abs(float(out["u"].mean()) - 0.5) < 0.1
    scores = student.detect(torch.zeros(1, 3, 128, 128))["scores"]
    assert scores.sigmoid().mean() < 0.05


def test_training_form_gives_the_same_maps(student: Student) -> None:
    image = torch.rand(1, 3, 96, 96) * 2 - 1
    with torch.no_grad():
        want = student.track(image)
        got = student.train().track(image)
        student.eval()
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, atol=1e-4, rtol=1e-4)
