from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import roi_align

from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.parts import NUM_PARTS
from densepose_mobile.postprocess.decode import decode_boxes
from densepose_mobile.spec import MAP_OUTPUTS
from densepose_mobile.train.models.graphs import graph_module
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.teacher.detector import Detections
from densepose_mobile.train.models.teacher.network import Teacher, student_maps
from densepose_mobile.train.models.teacher.spec import TeacherSpec

from ..movenet_file import random_weights


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backbone": "vgg"}, "backbone.*vgg.*resnet50"),
        ({"head": "conv"}, "head.*conv8"),
        ({"cascade": 3}, "cascade.*0, 1, 2"),
        ({"map_size": 100}, "map_size.*56, 112"),
        ({"crop_size": 250}, "crop_size.*multiple of 32"),
        ({"head_width": 48}, "head_width.*multiple of 32"),
    ],
)
def test_impossible_designs_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TeacherSpec(**fields)  # type: ignore[arg-type]


def test_maps_are_those_of_a_student(teacher: Teacher) -> None:
    student = Student(teacher.spec, head_width=8).eval()
    crops = torch.rand(2, 3, 96, 96) * 2 - 1
    with torch.no_grad():
        got, want = teacher.maps(crops), student.track(crops)
    assert tuple(got) == MAP_OUTPUTS
    assert all(got[name].shape == want[name].shape for name in MAP_OUTPUTS)


def test_two_and_fifteen_coarse_channels_say_the_same_of_the_foreground() -> None:
    fifteen = torch.randn(1, 15, 2, 2)
    two = torch.cat([fifteen[:, :1], fifteen[:, 1:].logsumexp(1, keepdim=True)], 1)
    rest = {name: torch.randn(1, 1 + NUM_PARTS, 2, 2) for name in ("fine", "u", "v", "confidence")}
    maps = [student_maps({"coarse": coarse, **rest}) for coarse in (fifteen, two)]
    torch.testing.assert_close(maps[0]["foreground"], maps[1]["foreground"])
    torch.testing.assert_close(maps[0]["foreground"].sigmoid(), 1 - fifteen.softmax(1)[:, :1])
    assert torch.equal(maps[0]["parts"], rest["fine"][:, 1:])


def test_crops_are_pooled_as_torchvision_would(teacher: Teacher) -> None:
    crops = torch.rand(2, 3, 96, 96) * 2 - 1
    with torch.no_grad():
        features = teacher.decoder(teacher.fpn(crops))
        rois = [torch.tensor([teacher.spec.track_roi])] * 2
        pooled = roi_align(features, rois, teacher.spec.roi_size, 0.25, 2, aligned=True)
        want = teacher.cascade(pooled)[-1].dense
        got = teacher.crop_stages(teacher.fpn(crops))[-1].dense
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, atol=1e-4, rtol=1e-4)


def test_levels_have_their_strides(teacher: Teacher) -> None:
    levels = teacher.fpn(torch.zeros(1, 3, 64, 64))
    assert [tuple(level.shape[1:]) for level in levels] == [(8, 16, 16), (8, 8, 8), (8, 4, 4), (8, 2, 2)]


def test_pretrained_mobile_teacher_sees_the_joints_that_movenet_sees(tmp_path: Path, tiny_design: TeacherSpec) -> None:
    net = random_weights(tmp_path / "movenet.npz", 1.75)
    teacher = Teacher(tiny_design).eval()
    teacher.load_pretrained(tmp_path / "movenet.npz")
    crops = torch.rand(1, 3, 96, 96) * 2 - 1
    assert teacher.pose is not None
    with torch.no_grad():
        joints = teacher.pose(teacher.backbone.levels(crops))[1]
        torch.testing.assert_close(teacher.pose.heatmaps(joints), net.maps(crops)["kpt_heatmap_0"])
        levels = teacher.fpn(crops)
        torch.nn.init.zeros_(teacher.pose.project.weight)
        assert not torch.allclose(teacher.fpn(crops)[0], levels[0])  # it is listened to


def test_weights_of_another_width_are_refused(tmp_path: Path, tiny_design: TeacherSpec) -> None:
    random_weights(tmp_path / "movenet.npz", 1.0)
    with pytest.raises(AssetError, match=r"of width 1\.0, a teacher on mobilenet_v2_1\.75 begins with movenet_thunder"):
        Teacher(tiny_design).load_pretrained(tmp_path / "movenet.npz")


@pytest.mark.parametrize(("stages", "trained"), [(3, True), (4, False)])
def test_a_wholly_frozen_backbone_freezes_what_was_pretrained_with_it(
    stages: int, trained: bool, tiny_design: TeacherSpec
) -> None:
    torch.manual_seed(0)
    teacher = Teacher(tiny_design).train()
    teacher.freeze(stages)
    sum(value.square().sum() for value in teacher.maps(torch.rand(1, 3, 96, 96)).values()).backward()
    assert teacher.pose is not None
    for module in (teacher.backbone.stages[3], teacher.pose.pyramid, teacher.pose.heatmaps):
        assert all((parameter.grad is not None) == trained for parameter in module.parameters())
    assert all(parameter.grad is not None for parameter in teacher.pose.project.parameters())


def test_whole_pictures_give_people_with_maps(teacher: Teacher, tiny_design: TeacherSpec) -> None:
    (people,) = teacher(torch.rand(1, 3, 64, 64))
    count, size = len(people["boxes"]), tiny_design.map_size
    assert count > 0
    assert people["scores"].shape == (count,)
    assert people["regions"].shape == (count, 4)
    assert people["parts"].shape == (count, NUM_PARTS, size, size)
    assert people["keypoints"].shape == (count, 17, 16, 16)


def test_pictures_without_people_give_none(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Detections([torch.zeros(0, 4)], [torch.zeros(0)], {}, {})
    monkeypatch.setattr(teacher, "find", lambda levels, truths=None: nobody)
    (people,) = teacher(torch.rand(1, 3, 64, 64))
    assert people["boxes"].shape == (0, 4)
    assert people["parts"].shape == (0, NUM_PARTS, teacher.spec.map_size, teacher.spec.map_size)
    assert (teacher.detect(torch.rand(1, 3, 64, 64))["scores"] < 0).all()


def test_detections_survive_the_form_that_the_sdk_reads(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = torch.tensor([[5.0, 4, 35, 60], [7.0, 4, 33, 62], [30, 20, 60, 50]])
    found = Detections([boxes], [torch.tensor([0.9, 0.8, 0.3])], {}, {})
    monkeypatch.setattr(teacher, "find", lambda levels, truths=None: found)
    out = teacher.detect(torch.zeros(1, 3, 64, 64))
    scores = out["scores"][0, :, 0].sigmoid().numpy()
    order = np.argsort(-scores)[:3]
    np.testing.assert_allclose(scores[order], [0.9, 0.8, 0.3], atol=1e-5)
    np.testing.assert_allclose(decode_boxes(out["boxes"][0].numpy(), teacher.spec)[order], boxes, atol=1e-4)
    assert np.sort(scores)[-4] < 1e-6


@pytest.mark.parametrize("graph", ["detect", "dense_1", "track"])
def test_teacher_has_the_graphs_of_a_student(teacher: Teacher, graph: str) -> None:
    (wanted,) = (spec for spec in teacher.spec.graphs() if spec.name == graph)
    with torch.no_grad():
        outputs = graph_module(teacher, wanted)(*(torch.rand(tensor.shape) for tensor in wanted.inputs))
    assert [tuple(value.shape) for value in outputs] == [tensor.shape for tensor in wanted.outputs]


def test_presence_and_box_are_read_off_the_foreground(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    size = teacher.spec.map_size
    foreground = torch.full((2, 1, size, size), -4.0)
    foreground[0, 0, 2:10, 4:6] = 3.0
    monkeypatch.setattr(teacher, "maps", lambda crops: {"foreground": foreground})
    out = teacher.track(torch.zeros(2, 3, 96, 96))
    assert (out["presence"][:, 0] > 0).tolist() == [True, False]
    x0, y0, x1, _ = teacher.spec.track_roi
    side = (x1 - x0) / 96
    want = [x0 / 96 + side * 4 / size, y0 / 96 + side * 2 / size, x0 / 96 + side * 6 / size, y0 / 96 + side * 10 / size]
    torch.testing.assert_close(out["box"][0], torch.tensor(want))
