from dataclasses import replace

import pytest
import torch
from torch.nn import functional
from torchvision.ops import box_iou

from densepose_mobile.train.models.teacher.detector import PersonDetector, PersonTruths
from densepose_mobile.train.models.teacher.spec import TeacherSpec


def test_people_too_small_to_judge_are_neither_right_nor_wrong(tiny_design: TeacherSpec) -> None:
    proposals = PersonDetector(tiny_design).proposals
    anchors = [torch.tensor([[10.0, 10, 20, 20], [40.0, 40, 50, 50], [0, 0, 30, 60]])]
    target = {"boxes": torch.tensor([[0.0, 0, 30, 60]]), "unsure": torch.tensor([[38.0, 38, 52, 52]])}
    labels, _ = proposals.assign_targets_to_anchors(anchors, [target])
    assert labels[0].tolist() == [0.0, -1.0, 1.0]


def test_truths_are_sorted_by_kind() -> None:
    boxes = torch.arange(24.0).reshape(2, 3, 4)
    truths = PersonTruths.of(boxes, torch.tensor([[1, 0, 2], [0, 1, 1]]))
    assert [own.tolist() for own in truths.boxes] == [boxes[0, :1].tolist(), boxes[1, 1:].tolist()]
    assert [own.tolist() for own in truths.unsure] == [boxes[0, 2:].tolist(), []]


def test_training_needs_truth(tiny_design: TeacherSpec) -> None:
    levels = [torch.zeros(1, 8, side, side) for side in (16, 8, 4, 2)]
    with pytest.raises(ValueError, match="true boxes"):
        PersonDetector(tiny_design).train()(levels, (64, 64), None)


def test_detector_learns_where_a_square_stands(tiny_design: TeacherSpec) -> None:
    torch.manual_seed(0)
    detector = PersonDetector(replace(tiny_design, box_width=64)).train()
    boxes = torch.tensor([[[8.0, 6, 34, 58]], [[26.0, 10, 62, 44]]])
    image = torch.zeros(2, 8, 64, 64)
    for picture, (x0, y0, x1, y1) in enumerate(boxes[:, 0].int().tolist()):
        image[picture, :4, y0:y1, x0:x1] = 1.0
    levels = [functional.avg_pool2d(image, stride) for stride in (4, 8, 16, 32)]
    truths = PersonTruths.of(boxes, torch.ones(2, 1, dtype=torch.uint8))
    optimizer = torch.optim.Adam(detector.parameters(), 5e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = torch.stack(list(detector(levels, (64, 64), truths).losses.values())).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    with torch.no_grad():
        found = detector.eval()(levels, (64, 64), None)
    for picture in range(2):
        assert float(box_iou(found.boxes[picture][:1], boxes[picture])) > 0.5


def test_boxes_are_drawn_for_each_picture_from_its_own_seed(tiny_design: TeacherSpec) -> None:
    torch.manual_seed(0)
    detector = PersonDetector(tiny_design).train()
    boxes = torch.tensor([[[8.0, 6, 34, 58]], [[26.0, 10, 62, 44]], [[1.0, 1, 20, 40]]])
    levels = [torch.rand(3, 8, side, side) for side in (16, 8, 4, 2)]

    def losses(pictures: list[int]) -> dict[str, tuple[float, int]]:
        kinds = torch.ones(len(pictures), 1, dtype=torch.uint8)
        truths = PersonTruths.of(boxes[pictures], kinds, [7 + picture for picture in pictures])
        found = detector([level[pictures] for level in levels], (64, 64), truths)
        return {name: (value.item(), found.counts[name]) for name, value in found.losses.items()}

    whole, first, rest = losses([0, 1, 2]), losses([0]), losses([1, 2])
    assert losses([0, 1, 2]) == whole
    for name, (value, count) in whole.items():
        assert count == first[name][1] + rest[name][1]
        assert value * count == pytest.approx(sum(own[name][0] * own[name][1] for own in (first, rest)), rel=1e-4)
