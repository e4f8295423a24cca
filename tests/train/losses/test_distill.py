import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from densepose_mobile.train.losses.distill import Lesson, channel_loss, lesson_loss, person_loss


def taught(size: int, borders: tuple[float, float] = (0.0, 0.5)) -> dict[str, torch.Tensor]:
    """Two upright strips of parts 3 and 7 on background, U rising to the right and V downwards."""
    centre = (torch.arange(size) + 0.5) / size
    first, second = borders
    maps = {
        "foreground": torch.where((centre > first) & (centre < 0.9), 4.0, -4.0).expand(1, 1, size, size).clone(),
        "parts": torch.full((1, 24, size, size), -3.0),
        "u": torch.full((1, 24, size, size), 0.9),
        "v": torch.full((1, 24, size, size), 0.1),
        "confidence": torch.full((1, 1, size, size), 2.0),
    }
    maps["parts"][:, 2, :, centre < second] = 3.0
    maps["parts"][:, 6, :, centre >= second] = 3.0
    for channel in (2, 6):
        maps["u"][:, channel] = 0.2 + 0.5 * centre
        maps["v"][:, channel] = 0.3 + 0.4 * centre[:, None]
    return maps


@settings(max_examples=25, deadline=None)
@given(st.integers(24, 112), st.integers(24, 72))
@example(112, 56)
@example(72, 40)
@example(40, 56)
@example(56, 56)
def test_a_gradient_of_coordinates_survives_another_size_of_maps(large: int, small: int) -> None:
    lesson = Lesson.of(taught(large), small)
    centre = (torch.arange(small) + 0.5) / small
    inner = slice(small // 10 + 2, small - small // 10 - 4)
    away = (centre - 0.5).abs() > 1.5 / min(large, small)  # at the border the mean lies on one side of the cell
    for row, true in (
        (0, (0.2 + 0.5 * centre).expand(small, small)),
        (1, (0.3 + 0.4 * centre)[:, None].expand(small, small)),
    ):
        gap = (lesson.uv[0, row] - true)[inner, inner][:, away[inner]]
        assert gap.abs().max() < 1e-5
    assert (lesson.uv[0, :, inner, inner].diff(dim=-1)[0] >= -1e-6).all()


def test_parts_and_silhouette_keep_their_place() -> None:
    lesson = Lesson.of(taught(80), 40)
    centre = (torch.arange(40) + 0.5) / 40
    row = lesson.part[0, 20]
    assert torch.equal(row, torch.where(centre > 0.9, 0, torch.where(centre < 0.5, 3, 7)))
    assert torch.equal(lesson.charted[0, 20], row > 0)
    assert lesson.confidence[0, 20, 20] == pytest.approx(torch.tensor(2.0).sigmoid())


def loss_of(student: dict[str, torch.Tensor], trust: float = 1.0, temperature: float = 2.0) -> dict[str, float]:
    lesson = Lesson.of(taught(20), 20)
    asked = torch.ones(1, 20, 20, dtype=torch.bool)
    losses = lesson_loss(student, lesson, asked, torch.full((1, 20, 20), trust), temperature)
    return {name: float(value) for name, value in losses.items()}


def test_who_says_the_same_has_nothing_to_learn() -> None:
    assert loss_of(taught(20)) == pytest.approx({"foreground": 0, "parts": 0, "uv": 0}, abs=1e-5)


def test_each_lesson_is_about_its_own_maps() -> None:
    same = taught(20)
    for name, changed in (("foreground", "foreground"), ("parts", "parts"), ("u", "uv"), ("v", "uv")):
        other = {key: value.clone() for key, value in same.items()}
        other[name] = other[name] * 0.5
        losses = loss_of(other)
        assert losses[changed] > 1e-3
        assert sum(losses.values()) == pytest.approx(losses[changed], abs=1e-4)


def test_a_doubtful_teacher_says_less() -> None:
    other = {name: value * 0.5 for name, value in taught(20).items()}
    whole, half = loss_of(other), loss_of(other, 0.5)
    assert half == pytest.approx({name: value / 2 for name, value in whole.items()}, rel=1e-4)
    assert sum(loss_of(other, 0.0).values()) == 0


def test_nobody_asked_is_no_loss() -> None:
    student = {name: value.requires_grad_() for name, value in taught(20).items()}
    nobody = torch.zeros(1, 20, 20, dtype=torch.bool)
    total = torch.stack(
        list(lesson_loss(student, Lesson.of(taught(20), 20), nobody, torch.ones(1, 20, 20), 1.0).values())
    )
    total.sum().backward()
    assert float(total.detach().sum()) == 0
    assert all(value.grad is None or value.grad.isfinite().all() for value in student.values())


def test_channels_are_compared_by_where_they_are_active() -> None:
    torch.manual_seed(0)
    teacher = torch.randn(2, 3, 16, 16)
    halved = torch.nn.functional.avg_pool2d(teacher, 2)
    everyone = torch.ones(2)
    assert channel_loss(halved, teacher, everyone, 1.0, 2.0) == pytest.approx(0, abs=1e-6)
    assert channel_loss(halved + 5, teacher, everyone, 1.0, 2.0) == pytest.approx(0, abs=1e-5)  # a level is no place
    moved = halved.roll(3, -1)
    assert channel_loss(moved, teacher, everyone, 1.0, 2.0) > 0.1
    first = channel_loss(moved, teacher, torch.tensor([1.0, 0.0]), 1.0, 2.0)
    assert first == pytest.approx(float(channel_loss(moved[:1], teacher[:1], torch.ones(1), 1.0, 1.0)) / 2, rel=1e-5)


def test_a_teacher_of_boxes_is_followed_where_it_sees_somebody() -> None:
    box = torch.tensor([[0.2, 0.2, 0.8, 0.8], [0.2, 0.2, 0.8, 0.8]])
    other = torch.tensor([[0.3, 0.2, 0.8, 0.9], [0.9, 0.9, 1.0, 1.0]])
    sure = torch.tensor([[20.0], [-20.0]])
    losses = person_loss(sure, box, sure, other, torch.ones(2), 2.0)
    alone = person_loss(sure[:1], box[:1], sure[:1], other[:1], torch.ones(1), 1.0)
    assert losses["presence"] == pytest.approx(0, abs=1e-6)
    assert losses["place"] == pytest.approx(float(alone["place"]) / 2, rel=1e-5)
    assert person_loss(sure, box, -sure, box, torch.ones(2), 2.0)["presence"] > 5
