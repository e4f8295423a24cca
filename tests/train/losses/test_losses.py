import numpy as np
import pytest
import torch
from torch import Tensor

from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.postprocess.decode import locations
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.targets import COARSE, PART_ONLY, UNKNOWN, UNKNOWN_PART
from densepose_mobile.train.losses.boxes import generalised_iou
from densepose_mobile.train.losses.confidence import confidence_loss
from densepose_mobile.train.losses.dense import DenseTarget, dense_loss
from densepose_mobile.train.losses.detection import IGNORED, NOBODY, assign, detection_loss
from densepose_mobile.train.losses.track import track_loss

SPEC = ModelSpec()


@pytest.fixture
def target() -> DenseTarget:
    rng = np.random.default_rng(0)
    part = rng.integers(0, 25, (2, 8, 8))
    maps = np.stack([part, *rng.integers(0, 256, (2, 2, 8, 8))], 1).astype(np.uint8)
    return DenseTarget.of(torch.from_numpy(maps))


def perfect_maps(target: DenseTarget, sure: float = 20.0) -> dict[str, Tensor]:
    seen = target.foreground[:, None]
    onehot = torch.nn.functional.one_hot((target.part - 1).clamp(min=0), 24).permute(0, 3, 1, 2)
    return {
        "foreground": torch.where(seen, sure, -sure),
        "parts": onehot * sure,
        "u": target.uv[:, :1].expand(-1, 24, -1, -1).clone(),
        "v": target.uv[:, 1:].expand(-1, 24, -1, -1).clone(),
        "confidence": torch.where(seen, sure, -sure),
    }


def test_truth_has_the_least_dense_loss(target: DenseTarget) -> None:
    losses = dense_loss(perfect_maps(target), target)
    assert all(float(value) < 0.03 for value in losses.values())
    worse = perfect_maps(target)
    worse["foreground"] = -worse["foreground"]
    worse["parts"] = -worse["parts"]
    worse["u"] = worse["u"] + 0.5
    bad = dense_loss(worse, target)
    assert all(float(bad[name]) > 0.4 for name in bad)


def test_what_is_unknown_costs_nothing(target: DenseTarget) -> None:
    part = target.part.clone()
    part[:, :3], part[:, 3:5] = UNKNOWN, UNKNOWN_PART
    maps = {name: (value + 0.1).requires_grad_() for name, value in perfect_maps(target, 1.0).items()}
    losses = dense_loss(maps, DenseTarget(part, target.uv))
    torch.stack(list(losses.values())).sum().backward()
    gradients = {name: value.grad for name, value in maps.items() if value.grad is not None}
    assert (gradients["foreground"][:, :, :3] == 0).all()
    assert (gradients["foreground"][:, :, 3:5] < 0).all()  # a person is there
    for name in ("parts", "u", "v"):
        assert (gradients[name][:, :, :5] == 0).all()
        assert (gradients[name][:, :, 5:] != 0).any()


def test_a_coarse_part_is_any_of_its_fine_parts() -> None:
    def loss(code: int, fine: int) -> float:
        logits = torch.zeros(1, 24, 2, 2)
        logits[:, fine - 1] = 12.0
        maps = {"parts": logits, "foreground": torch.ones(1, 1, 2, 2)}
        maps |= {name: torch.zeros(1, 24, 2, 2) for name in ("u", "v")}
        target = DenseTarget(torch.full((1, 2, 2), code), torch.zeros(1, 2, 2, 2))
        return float(dense_loss(maps, target)["parts"])

    assert loss(COARSE + 1, 1) == pytest.approx(loss(COARSE + 1, 2))
    assert loss(COARSE + 1, 1) < 0.01  # torso: its back or its front
    assert loss(COARSE + 1, 3) > 5
    assert loss(COARSE + 3, 4) < 0.01 < loss(COARSE + 3, 3)  # the left hand is part 4
    assert loss(PART_ONLY + 2, 2) < 0.01 < loss(PART_ONLY + 2, 1)


def test_only_the_true_chart_is_taught(target: DenseTarget) -> None:
    maps = {name: value.clone().requires_grad_() for name, value in perfect_maps(target).items()}
    with torch.no_grad():
        maps["u"] += 0.2
    dense_loss(maps, target)["uv"].backward()
    gradient = maps["u"].grad
    assert gradient is not None
    touched = gradient != 0
    assert (touched.sum(1) == target.foreground).all()
    n, c, y, x = touched.nonzero(as_tuple=True)
    assert (target.part[n, y, x] == c + 1).all()


def test_roi_without_anybody_has_a_finite_loss_and_gradient() -> None:
    empty = DenseTarget(torch.zeros(1, 4, 4, dtype=torch.long), torch.zeros(1, 2, 4, 4))
    channels = {"foreground": 1, "parts": 24, "u": 24, "v": 24}
    maps = {name: torch.zeros(1, count, 4, 4, requires_grad=True) for name, count in channels.items()}
    sum(dense_loss(maps, empty).values()).backward()  # type: ignore[union-attr]
    assert all(value.grad is not None and value.grad.isfinite().all() for value in maps.values())


def test_confidence_is_not_asked_about_people_of_whom_nothing_is_known(
    target: DenseTarget, flat_geodesics: Distances
) -> None:
    part = torch.where(target.part > 0, UNKNOWN_PART, 0)
    maps = perfect_maps(target)
    maps["foreground"] = torch.ones_like(maps["foreground"])  # background cells would all be wrong
    loss, right = confidence_loss(maps, DenseTarget(part, target.uv), flat_geodesics)
    assert float(loss) == float(right) == 0
    assert float(confidence_loss(maps, target, flat_geodesics)[1]) > 0


def test_confidence_learns_what_is_right(target: DenseTarget, flat_geodesics: Distances) -> None:
    maps = perfect_maps(target)
    sure, right = confidence_loss(maps, target, flat_geodesics)
    assert float(sure) < 1e-3
    assert float(right) == 1.0
    doubtful, _ = confidence_loss({**maps, "confidence": -maps["confidence"]}, target, flat_geodesics)
    assert float(doubtful) > 5
    wrong = {**maps, "parts": maps["parts"].roll(1, 1)}
    _, none_right = confidence_loss(wrong, target, flat_geodesics)
    assert float(none_right) == 0.0
    beyond = {**maps, "foreground": torch.full_like(maps["foreground"], 9.0)}
    _, some = confidence_loss(beyond, target, flat_geodesics)
    assert float(some) == pytest.approx(float(target.foreground.float().mean()), abs=1e-6)


def test_generalised_iou_of_known_boxes() -> None:
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 2]])
    b = torch.tensor([[0.0, 0, 2, 2], [2, 0, 3, 1], [1, 0, 3, 2]])
    iou, giou = generalised_iou(a, b)
    torch.testing.assert_close(iou, torch.tensor([1.0, 0, 1 / 3]))
    torch.testing.assert_close(giou, torch.tensor([1.0, -1 / 3, 1 / 3]))


def boxes_of(*rows: tuple[float, float, float, float]) -> tuple[Tensor, Tensor]:
    boxes = torch.zeros(1, 4, 4)
    kinds = torch.zeros(1, 4, dtype=torch.uint8)
    for i, row in enumerate(rows):
        boxes[0, i], kinds[0, i] = torch.tensor(row), 1
    return boxes, kinds


@pytest.mark.parametrize("box", [(100, 100, 108, 110), (100, 100, 150, 200), (20, 20, 150, 300)])
def test_the_middle_of_a_box_answers_for_it_and_its_surroundings_are_not_judged(box: tuple[float, ...]) -> None:
    x0, y0, x1, y1 = box
    centre, stride = locations(SPEC)
    owner = assign(*boxes_of((x0, y0, x1, y1)), SPEC)[0].numpy()
    reach = np.maximum(0.06 * np.array([x1 - x0, y1 - y0]), 1.5 * stride[0])
    away = (np.abs(centre - [(x0 + x1) / 2, (y0 + y1) / 2]) / reach).max(1)
    inside = ((centre > (x0, y0)) & (centre < (x1, y1))).all(1)
    assert (owner == 0).sum() >= 4
    np.testing.assert_array_equal(owner == 0, inside & (away < 1))
    np.testing.assert_array_equal(owner == IGNORED, inside & (away >= 1) & (away < 2))


def test_the_smaller_of_two_people_wins_and_tiny_ones_are_ignored() -> None:
    boxes, kinds = boxes_of((100, 100, 152, 220), (110, 110, 142, 210), (200, 200, 208, 208))
    kinds[0, 2] = 2
    owner = assign(boxes, kinds, SPEC)[0]
    centre, _ = locations(SPEC)
    assert owner[np.flatnonzero((centre == (126, 162)).all(1))].tolist() == [1]
    assert owner[np.flatnonzero((centre == (202, 206)).all(1))].tolist() == [IGNORED]
    assert owner[0] == NOBODY


def test_detection_loss_is_least_at_the_truth_and_falls_under_descent() -> None:
    boxes, kinds = boxes_of((40, 60, 90, 170), (180, 30, 300, 310))
    owner = assign(boxes, kinds, SPEC)
    centre, stride = (torch.from_numpy(a.copy()) for a in locations(SPEC))
    row = boxes[0, owner[0].clamp(min=0)]
    distances = torch.cat([centre - row[:, :2], row[:, 2:] - centre], 1).div(stride[:, None]).clamp(min=0)[None]
    scores = torch.where(owner >= 0, 12.0, -12.0)[..., None]
    best = detection_loss(scores, distances, boxes, kinds, SPEC)
    assert float(best["score"]) < 1e-3
    assert float(best["box"]) < 1e-4
    scores, distances = torch.full_like(scores, -2).requires_grad_(), torch.full_like(distances, 2.0).requires_grad_()
    optimizer = torch.optim.Adam([scores, distances], 1.0)
    values = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = sum(detection_loss(scores, distances, boxes, kinds, SPEC).values())
        assert isinstance(loss, Tensor)
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.5 * values[0]


def test_score_aims_at_the_quality_of_the_box() -> None:
    """The gradient of a location's score vanishes where its probability is the IoU of its box."""
    boxes, kinds = boxes_of((100, 100, 150, 200))
    owner = assign(boxes, kinds, SPEC)[0]
    place = int(torch.nonzero(owner == 0)[0])
    centre, stride = (torch.from_numpy(a.copy()) for a in locations(SPEC))
    wide = torch.tensor([100.0, 100, 150, 300])  # IoU 0.5 with the person
    distances = torch.ones(1, len(centre), 4)
    distances[0, place] = torch.cat([centre[place] - wide[:2], wide[2:] - centre[place]]) / stride[place]
    scores = torch.full((1, len(centre), 1), -8.0)
    scores[0, place] = 0.0  # probability 0.5
    scores.requires_grad_()
    detection_loss(scores, distances, boxes, kinds, SPEC)["score"].backward()
    assert scores.grad is not None
    assert abs(float(scores.grad[0, place])) < 1e-6


def test_picture_without_people_teaches_silence() -> None:
    boxes, kinds = boxes_of()
    scores = torch.zeros(1, SPEC.num_locations, 1, requires_grad=True)
    losses = detection_loss(scores, torch.ones(1, SPEC.num_locations, 4), boxes, kinds, SPEC)
    losses["score"].backward()
    assert float(losses["box"]) == 0.0
    assert scores.grad is not None
    assert (scores.grad > 0).all()


def test_track_loss_is_least_at_the_truth_and_leaves_absent_boxes_alone() -> None:
    truth = torch.tensor([1.0, 0.0])
    true_box = torch.tensor([[0.2, 0.1, 0.8, 0.9], [0, 0, 0, 0]])
    box = true_box.clone()
    box[1] = 0.7
    losses = track_loss(torch.tensor([[9.0], [-9.0]]), box.requires_grad_(), truth, true_box)
    assert all(float(value) < 1e-3 for value in losses.values())
    losses["place"].backward()
    assert box.grad is not None
    assert (box.grad[1] == 0).all()
    assert float(track_loss(torch.tensor([[-9.0], [9.0]]), box + 0.2, truth, true_box)["presence"]) > 8
