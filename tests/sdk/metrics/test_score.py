import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import EvaluationOptions, SurfacePoints, TruthPerson, TruthPicture, score_picture
from densepose_mobile.metrics.agreement import majority_part
from densepose_mobile.metrics.baselines import constant_uv, mirrored, upright_box
from densepose_mobile.metrics.similarity import geodesic_similarity, look_up
from densepose_mobile.parts import KAPPA
from densepose_mobile.results import DensePoseResult, Person

SIZE = 200


def person(box, part, u=0.25, v=0.5, confidence=0.5, score=0.9):
    left, top, right, bottom = box
    part = np.broadcast_to(np.asarray(part, np.uint8), (bottom - top, right - left)).copy()
    uv = np.stack([np.full(part.shape, u), np.full(part.shape, v)]).astype(np.float32) * (part > 0)
    confidence = np.full(part.shape, confidence, np.float32)
    return Person(np.array(box, np.float32), score, part, uv, confidence)


def result(*people):
    return DensePoseResult(tuple(people), SIZE, SIZE)


def truth(box, id=1, keypoints=None, points=None, **fields):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return TruthPerson.from_mask(id, mask, keypoints=keypoints, points=points, **fields)


def picture(*people):
    return TruthPicture(1, "a.jpg", SIZE, SIZE, tuple(people))


def joints(**visible):
    """Keypoints by index: k9=(x, y) is a visible left wrist."""
    table = np.zeros((17, 3), np.float32)
    for name, xy in visible.items():
        table[int(name[1:])] = (*xy, 2)
    return table


def ratios(score):
    return {name: above / below for name, (above, below) in score.sums.items() if below}


def test_found_missed_small_and_crowd(atlas):
    people = [
        truth([0, 0, 100, 100]),
        truth([100, 100, 200, 200], id=2),
        truth([150, 0, 190, 40], id=3),
        truth([110, 0, 140, 90], id=4, crowd=True),
    ]
    predictions = [
        person([0, 0, 100, 80], 2),
        person([150, 0, 190, 40], 2),
        person([112, 2, 138, 50], 2),
        person([0, 150, 30, 200], 2),
    ]
    got = score_picture(result(*predictions), picture(*people), atlas).sums
    assert got["recall"] == (1, 2)
    assert got["mask_iou"] == (pytest.approx(0.8), 2)
    assert got["mask_iou_found"] == (pytest.approx(0.8), 1)
    assert got["false_positives"] == (1, 1)  # the small person and the one in the crowd are excused


def test_box_of_exactly_96_px_is_not_counted():
    assert score_picture(result(), picture(truth([0, 0, 96, 96]))).sums["recall"] == (0, 0)
    assert score_picture(result(), picture(truth([0, 0, 97, 96]))).sums["recall"] == (0, 1)
    everyone = EvaluationOptions(min_box_area=0)
    assert score_picture(result(), picture(truth([0, 0, 9, 9])), options=everyone).sums["recall"] == (0, 1)


def test_keypoints_right_wrong_mirrored_hidden_and_missed(atlas):
    keypoints = joints(k9=(20.5, 20.5), k10=(20.5, 60.5), k13=(60.5, 20.5), k0=(60.5, 60.5), k5=(90.5, 90.5))
    keypoints[7] = (20.5, 20.5, 1)  # hidden: not counted
    part = np.zeros((100, 100), np.uint8)
    part[10:30, 10:30] = 4  # left wrist on the left hand: right
    part[50:70, 10:30] = 19  # right wrist on the left forearm: mirrored
    part[10:30, 50:70] = 2  # left knee on the torso: wrong
    part[50:70, 50:70] = 23  # nose on the head: right
    got = score_picture(
        result(person([0, 0, 100, 100], part)), picture(truth([0, 0, 100, 100], keypoints=keypoints)), atlas
    )
    assert got.sums["keypoint_agreement"] == (2, 5)  # the shoulder lies on background
    assert got.sums["limb_agreement"] == (1, 3)
    assert got.sums["swap_rate"] == (1, 2)
    assert got.sums["agreement_wrist"] == (1, 2)
    assert got.sums["keypoint_gps"] == (pytest.approx(2), 5)  # the paper's joints lie at u = .25
    missed = score_picture(result(), picture(truth([0, 0, 100, 100], keypoints=keypoints)), atlas).sums
    assert missed["keypoint_agreement"] == (0, 5)
    assert missed["keypoint_gps"] == (0, 5)
    assert missed["swap_rate"] == (0, 0)


def test_majority_counts_background_and_prefers_the_centre():
    part = np.zeros((20, 20), np.uint8)
    part[8:13, 8:10] = 3
    part[8:13, 10:12] = 4
    someone = person([100, 50, 120, 70], part)
    assert majority_part(someone, 60, 109, SIZE, SIZE) == (3, (60, 109))  # columns 107..111: 5 off, 10, 10
    assert majority_part(someone, 60, 110, SIZE, SIZE) == (4, (60, 110))
    assert majority_part(someone, 60, 112, SIZE, SIZE) == (0, None)  # 15 of 25 are background
    assert majority_part(someone, 60, 112, SIZE, SIZE, window=1) == (0, None)
    assert majority_part(someone, -50, -50, SIZE, SIZE) == (0, None)


def test_windows_end_at_the_picture():
    corner = person([190, 190, 200, 200], 5)
    assert majority_part(corner, 199, 199, SIZE, SIZE) == (5, (199, 199))
    assert majority_part(corner, 188, 188, SIZE, SIZE) == (0, None)


def test_look_up_takes_the_pixel_that_holds_the_point():
    part = np.arange(1, 5, dtype=np.uint8).reshape(2, 2)
    someone = person([10, 20, 12, 22], part)
    xy = np.array([[10.0, 20.0], [11.99, 20.5], [10.5, 21.5], [11.5, 21.5], [9.99, 20.5], [12.0, 20.5]])
    assert look_up(someone, xy)[0].tolist() == [1, 2, 3, 4, 0, 0]


def points(xy, part, u):
    uv = np.stack([u, np.full(len(u), 0.5)]).astype(np.float32)
    return SurfacePoints(np.array(xy, np.float32), np.array(part, np.uint8), uv)


def test_gps_by_hand(atlas):
    part = np.full((100, 100), 2, np.uint8)
    part[:, 50:] = 0
    annotated = points([[5, 5], [6, 6], [60, 5]], [2, 2, 2], np.array([0.25, 0.25 + 0.351, 0.25]))
    got = score_picture(
        result(person([0, 0, 100, 100], part, confidence=0.75)),
        picture(truth([0, 0, 100, 100], points=annotated)),
        atlas,
    )
    expected = (1 + np.exp(-0.5) + 0) / 3
    assert ratios(got)["gps"] == pytest.approx(expected, abs=1e-5)
    assert ratios(got)["gpsm"] == pytest.approx(np.sqrt(expected * 0.5), abs=1e-5)
    assert ratios(got)["point_part"] == pytest.approx(2 / 3)
    assert ratios(got)["point_error_cm"] == pytest.approx(35.1 / 2, abs=1e-3)
    assert got.point_confidence.confidence.tolist() == [0.75, 0.75]  # nothing is claimed on background
    assert ratios(got)["gps_true_part"] == pytest.approx(expected, abs=1e-5)
    assert ratios(got)["gps_true_uv"] == pytest.approx(2 / 3, abs=1e-5)
    missed = score_picture(result(), picture(truth([0, 0, 100, 100], points=annotated)), atlas).sums
    assert missed["gps"] == missed["gpsm"] == (0, 1)
    assert missed["point_part"] == (0, 3)


def test_similarity_at_one_kappa():
    assert geodesic_similarity(KAPPA[1:], KAPPA[1:]) == pytest.approx(np.exp(-0.5))
    assert geodesic_similarity(np.array([0, np.inf]), KAPPA[1:3]).tolist() == [1, 0]


def test_without_an_atlas_only_the_geodesic_measures_are_missing(atlas):
    people = picture(truth([0, 0, 100, 100], points=points([[5, 5]], [2], np.array([0.5]))))
    with_atlas = score_picture(result(person([0, 0, 100, 100], 2)), people, atlas)
    without = score_picture(result(person([0, 0, 100, 100], 2)), people)
    geodesic = {"keypoint_gps", "gps", "gpsm", "gps_true_part", "gps_true_uv", "point_error_cm"}
    assert set(with_atlas.sums) - set(without.sums) == geodesic
    assert all(without.sums[name] == with_atlas.sums[name] for name in without.sums)


def test_prediction_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"a\.jpg"):
        score_picture(DensePoseResult((), 10, 20), picture())


def test_baselines_keep_what_they_say(atlas):
    keypoints = joints(k9=(20.5, 20.5), k13=(60.5, 20.5))
    part = np.zeros((100, 100), np.uint8)
    part[10:30, 10:30], part[10:30, 50:70] = 4, 10
    annotated = points([[20, 20]], [4], np.array([0.25]))
    whole = picture(truth([0, 0, 100, 100], keypoints=keypoints, points=annotated))
    ours = result(person([0, 0, 100, 100], part))
    base = ratios(score_picture(ours, whole, atlas))
    constant = ratios(score_picture(constant_uv(ours), whole, atlas))
    assert base["gps"] == base["keypoint_gps"] == pytest.approx(1)
    assert constant["gps"] < 0.1
    assert constant["keypoint_gps"] < base["keypoint_gps"]
    for same in ("recall", "mask_iou", "keypoint_agreement", "point_part"):
        assert constant[same] == base[same]
    swapped = ratios(score_picture(mirrored(ours), whole, atlas))
    assert swapped["swap_rate"] == 1
    assert base["swap_rate"] == 0
    assert swapped["limb_agreement"] == 0
    assert swapped["mask_iou"] == base["mask_iou"]
    filled = upright_box(ours).people[0]
    assert set(np.unique(filled.part)) == {0, 2, 3, 4, 5, 6, 9, 10, 13, 14, 15, 16, 21, 22, 23, 24}
