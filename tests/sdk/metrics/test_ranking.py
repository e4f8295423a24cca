import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.metrics.ranking import RankedPicture, Ranking


def ranked(scores, similarity, ignored=None, crowd=None, areas=None, truth_areas=None):
    similarity = np.atleast_2d(np.array(similarity, np.float32))
    count = similarity.shape[1]
    return RankedPicture(
        scores=np.array(scores, np.float32),
        areas=np.full(len(scores), 1e5, np.float32) if areas is None else np.array(areas, np.float32),
        similarity=similarity,
        truth_areas=np.full(count, 1e5, np.float32) if truth_areas is None else np.array(truth_areas, np.float32),
        ignored=np.zeros(count, bool) if ignored is None else np.array(ignored, bool),
        crowd=np.zeros(count, bool) if crowd is None else np.array(crowd, bool),
    )


def precision_recall(*pictures, area="all", weights=None):
    precision = Ranking.build(pictures, area).precision(weights)
    return precision.ap, precision.ar


def test_perfect_predictions():
    assert precision_recall(ranked([0.9, 0.8], np.eye(2)), ranked([0.1], [[1]])) == (1, 1)


def test_similarity_decides_how_many_thresholds_are_passed():
    assert precision_recall(ranked([0.9], [[0.72]])) == pytest.approx((0.5, 0.5))  # .5 .55 .6 .65 .7 of ten


def test_single_and_extended_thresholds():
    precision = Ranking.build([ranked([0.9], [[0.52]]), ranked([0.8], [[0.32]])]).precision()
    half = 51 / 101  # the first prediction alone is right: precision 1 up to recall one half
    assert precision.ap50 == pytest.approx(half)
    assert precision.ap75 == 0
    assert precision.ap == pytest.approx(half / 10)
    assert precision.ar == pytest.approx(0.05)
    assert precision.apex == pytest.approx((3 * 1 + 2 * half) / 5)  # .2 .25 .3 both, .35 .4 the first


def test_a_confident_mistake_costs_precision():
    ap, ar = precision_recall(ranked([0.9, 0.8], [[0], [1]]))
    assert (ap, ar) == pytest.approx((0.5, 1))
    assert precision_recall(ranked([0.8, 0.9], [[0], [1]])) == pytest.approx((1, 1))  # a doubtful one does not


def test_missed_half():
    ap, ar = precision_recall(ranked([0.9], [[1, 0]]))
    assert ap == pytest.approx(51 / 101)
    assert ar == 0.5


def test_duplicates_are_mistakes_but_not_in_a_crowd():
    assert precision_recall(ranked([0.9, 0.8], [[1, 0], [1, 0]]))[1] == 0.5
    twice = [[1, 0], [0, 1], [0, 1]]
    assert precision_recall(ranked([0.7, 0.8, 0.9], twice, ignored=[0, 1], crowd=[0, 1])) == (1, 1)
    assert precision_recall(ranked([0.7, 0.8, 0.9], twice, ignored=[0, 1]))[0] == pytest.approx(0.5)


def test_areas_limit_who_is_to_be_found():
    small = ranked([0.9, 0.8], np.eye(2), areas=[2000, 1e5], truth_areas=[2000, 1e5])
    assert precision_recall(small, area="medium") == (1, 1)
    assert precision_recall(small, area="large") == (1, 1)
    assert all(np.isnan(precision_recall(ranked([0.9], [[1]]), area="medium")))


def test_pictures_without_people_only_cost():
    assert precision_recall(ranked([0.9], np.zeros((1, 0))), ranked([0.8], [[1]]))[0] == pytest.approx(0.5)
    assert precision_recall(ranked([], np.zeros((0, 1)))) == (0, 0)


@given(st.integers(0, 10_000))
def test_weights_equal_repeated_pictures(seed):
    rng = np.random.default_rng(seed)
    pictures = [ranked(rng.random(n := rng.integers(0, 4)), rng.random((n, rng.integers(1, 3)))) for _ in range(4)]
    weights = rng.integers(0, 3, 4)
    repeated = [picture for picture, times in zip(pictures, weights, strict=True) for _ in range(times)]
    if repeated:
        np.testing.assert_allclose(precision_recall(*pictures, weights=weights), precision_recall(*repeated))


@given(st.integers(0, 10_000))
def test_agrees_with_pycocotools(seed):
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    coco = pytest.importorskip("pycocotools.coco")
    rng = np.random.default_rng(seed)
    truth, found, pictures = [], [], []
    for image in range(1, 5):
        count, predicted = rng.integers(0, 4), rng.integers(0, 6)
        sizes = rng.choice([50.0, 60.0, 150.0], count)
        boxes = np.column_stack([rng.uniform(0, 100, (count, 2)), sizes, sizes])
        guesses = boxes[rng.integers(0, count, predicted)] if count else np.tile([5.0, 5, 60, 60], (predicted, 1))
        guesses = guesses + rng.normal(0, 4, (predicted, 4))
        scores = rng.permutation(predicted) / 10 + image / 1000
        for box in boxes:
            entry = {"id": len(truth) + 1, "image_id": image, "category_id": 1, "bbox": box.tolist()}
            truth.append({**entry, "iscrowd": 0, "area": box[2] * box[3]})
        for box, score in zip(guesses, scores, strict=True):
            found.append({"image_id": image, "category_id": 1, "bbox": box.tolist(), "score": score})
        iou = _iou(guesses, boxes)
        pictures.append(ranked(scores, iou, areas=guesses[:, 2] * guesses[:, 3], truth_areas=boxes[:, 2] * boxes[:, 3]))
    if not truth or not found:
        return
    reference = coco.COCO()
    reference.dataset = {"images": [{"id": i} for i in range(1, 5)], "annotations": truth, "categories": [{"id": 1}]}
    reference.createIndex()
    judge = evaluation.COCOeval(reference, reference.loadRes(found), "bbox")
    judge.params.maxDets = [20]
    judge.evaluate()
    judge.accumulate()
    for place, area in ((0, "all"), (2, "medium"), (3, "large")):
        precision = judge.eval["precision"][:, :, 0, place, 0]
        recall = judge.eval["recall"][:, 0, place, 0]
        ours = Ranking.build(pictures, area).precision()
        ap, ar = ours.ap, ours.ar
        if not np.isnan(ap):
            assert (ours.ap50, ours.ap75) == pytest.approx((precision[0].mean(), precision[5].mean()), abs=1e-6)
        if np.isnan(ap):
            assert (precision == -1).all()
        else:
            assert ap == pytest.approx(precision.mean(), abs=1e-6)
            assert ar == pytest.approx(recall.mean(), abs=1e-6)


def _iou(a, b):
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), -1)
    return shared / np.maximum(np.prod(a[:, 2:], 1)[:, None] + np.prod(b[:, 2:], 1) - shared, 1e-9)
