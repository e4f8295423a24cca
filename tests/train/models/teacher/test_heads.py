from dataclasses import replace

import pytest
import torch

from densepose_mobile.train.models.teacher.cascade import Cascade
from densepose_mobile.train.models.teacher.heads import DensePredictor, NonLocal, make_head
from densepose_mobile.train.models.teacher.spec import TeacherSpec


@pytest.mark.parametrize("head", ["deeplab", "conv8"])
@pytest.mark.parametrize("non_local", [False, True])
def test_head_keeps_the_cells_and_has_its_width(tiny_design: TeacherSpec, head: str, non_local: bool) -> None:
    net = make_head(replace(tiny_design, head=head, non_local=non_local, head_convs=3), 16)
    assert net(torch.randn(2, 16, 8, 8)).shape == (2, 32, 8, 8)


def test_dilations_beyond_the_region_leave_the_centre_tap(tiny_design: TeacherSpec) -> None:
    """A cell's value then depends on its own place alone, and on nothing eight cells away."""
    net = make_head(replace(tiny_design, dilations=(56,), head_convs=0), 4)
    branch = net[0].branches[1][0]  # type: ignore[index]
    x = torch.randn(1, 4, 8, 8)
    centre = torch.nn.functional.conv2d(x, branch.weight[:, :, 1:2, 1:2])
    torch.testing.assert_close(branch(x), centre, atol=1e-5, rtol=1e-5)


def test_attention_starts_as_nothing_and_then_sees_every_cell() -> None:
    block = NonLocal(8)
    x = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(block(x), x)
    torch.nn.init.normal_(block.out.weight)
    moved = x.clone()
    moved[0, :, 0, 0] += 5.0
    change = (block(moved) - block(x)).abs().sum(1)[0]
    assert change[3, 3] > 1e-4


@pytest.mark.parametrize(("coarse", "sigma", "size"), [(2, True, 16), (15, False, 32)])
def test_predictor_starts_at_background_and_the_middle_of_the_charts(
    tiny_design: TeacherSpec, coarse: int, sigma: bool, size: int
) -> None:
    torch.manual_seed(0)
    design = replace(tiny_design, coarse_channels=coarse, uv_confidence=sigma, map_size=size)
    with torch.no_grad():
        maps = DensePredictor(design)(torch.randn(2, 32, 8, 8) * 0.1)
    channels = {"coarse": coarse, "fine": 25, "u": 24, "v": 24, "confidence": 1} | ({"sigma": 24} if sigma else {})
    assert {name: tuple(value.shape) for name, value in maps.items()} == {
        name: (2, count, size, size) for name, count in channels.items()
    }
    person = 1 - maps["coarse"].softmax(1)[:, 0]
    assert float(person.mean()) == pytest.approx(0.2, abs=0.02)
    assert float(maps["u"].mean()) == pytest.approx(0.5, abs=0.02)
    if sigma:
        assert float(maps["sigma"].mean()) == pytest.approx(0.31, abs=0.02)


@pytest.mark.parametrize("stages", [0, 1, 2])
def test_cascade_has_its_stages_and_every_weight_gets_a_gradient(tiny_design: TeacherSpec, stages: int) -> None:
    torch.manual_seed(0)
    cascade = Cascade(16, replace(tiny_design, cascade=stages))
    outputs = cascade(torch.randn(2, 16, 8, 8))
    assert len(outputs) == 1 + stages
    for maps in outputs:
        assert maps.dense["fine"].shape == (2, 25, 16, 16)
        assert (maps.keypoints is None) == (maps.mask is None) == (stages == 0)
        if maps.keypoints is not None and maps.mask is not None:
            assert maps.keypoints.shape == (2, 17, 16, 16)
            assert maps.mask.shape == (2, 1, 8, 8)
    values = [*outputs[-1].dense.values(), outputs[-1].keypoints, outputs[-1].mask]
    sum(value.square().sum() for value in values if value is not None).backward()  # type: ignore[union-attr]
    without = [name for name, p in cascade.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert without == []


def test_a_stage_sees_the_keypoints_and_the_mask_of_the_one_before(tiny_design: TeacherSpec) -> None:
    torch.manual_seed(0)
    cascade = Cascade(16, tiny_design).eval()
    region = torch.randn(1, 16, 8, 8)
    before = cascade(region)
    for branch in ("keypoints", "mask"):
        layer = getattr(cascade.stages[0], branch).deconv
        with torch.no_grad():
            layer.weight.normal_()
        after = cascade(region)
        torch.testing.assert_close(after[0].dense["fine"], before[0].dense["fine"])
        assert not torch.allclose(after[1].dense["fine"], before[1].dense["fine"], atol=1e-5)
        before = after
