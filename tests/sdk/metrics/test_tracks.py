import sys
from dataclasses import replace

import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import SurfacePoints, TruthPerson, TruthPicture, rank_picture
from densepose_mobile.metrics.tracks import TrackJudge
from densepose_mobile.results import DensePoseResult, Person

SIZE = 60


def truth(track: int | None, left: int, **fields: object) -> TruthPerson:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[10:50, left : left + 10] = True
    return TruthPerson.from_mask(100 + left, mask, track=track, **fields)


def guess(track: int | None, left: int) -> Person:
    box = np.array([left, 10, left + 10, 50], np.float32)
    return Person(box, 0.9, np.ones((40, 10), np.uint8), np.zeros((2, 40, 10), np.float32), np.ones((40, 10)), track)


def frame(number: int, *people: TruthPerson, video: int = 1) -> TruthPicture:
    return TruthPicture(1000 * video + number, f"{video}/{number}.jpg", SIZE, SIZE, people, video=video, frame=number)


def judged(*frames: tuple[TruthPicture, list[Person]]) -> dict[str, float]:
    pytest.importorskip("motmetrics")
    judge = TrackJudge()
    for picture, found in frames:
        judge.add(picture, DensePoseResult(tuple(found), SIZE, SIZE), None)
    return judge.measures()


def test_people_who_keep_their_numbers_are_right() -> None:
    measures = judged(
        *[(frame(n, truth(1, 0 + n), truth(2, 40 - n)), [guess(8, n), guess(9, 40 - n)]) for n in range(4)]
    )
    assert measures["mota"] == measures["idf1"] == measures["motp"] == 1
    assert measures["num_objects"] == 8


def test_a_switch_a_miss_and_a_stranger_by_hand() -> None:
    frames = [
        (frame(0, truth(1, 0), truth(2, 40)), [guess(8, 0), guess(9, 40)]),
        (frame(1, truth(1, 0), truth(2, 40)), [guess(8, 0), guess(3, 40)]),  # 2 has another number
        (frame(2, truth(1, 0), truth(2, 40)), [guess(3, 40), guess(None, 20)]),  # 1 is missed, and somebody is nowhere
    ]
    measures = judged(*frames)
    assert (measures["num_switches"], measures["num_misses"], measures["num_false_positives"]) == (1, 1, 1)
    assert measures["mota"] == pytest.approx(1 - 3 / 6)
    assert measures["idf1"] == pytest.approx(2 * 4 / (6 + 6))  # 1 with 8 twice, 2 with 3 twice


def test_numbers_are_of_a_video_and_frames_may_come_in_any_order() -> None:
    first = [(frame(n, truth(1, 0)), [guess(8, 0)]) for n in (2, 0, 1)]
    second = [(frame(n, truth(1, 0), video=2), [guess(4, 0)]) for n in range(2)]
    assert judged(*first, *second)["idf1"] == 1


def test_crowds_and_people_without_a_number_are_not_asked_for() -> None:
    picture = frame(0, truth(1, 0), truth(None, 20), truth(3, 40, crowd=True))
    measures = judged((picture, [guess(8, 0), guess(9, 20), guess(10, 40)]))
    assert (measures["num_objects"], measures["num_false_positives"], measures["mota"]) == (1, 0, 1)


def test_surface_points_decide_where_there_are_some(atlas: object) -> None:
    pytest.importorskip("motmetrics")
    points = SurfacePoints(np.array([[5.5, 20.5]], np.float32), np.array([1], np.uint8), np.zeros((2, 1), np.float32))
    right = DensePoseResult((guess(8, 0),), SIZE, SIZE)
    wrong = DensePoseResult((replace(guess(8, 0), part=np.full((40, 10), 9, np.uint8)),), SIZE, SIZE)
    picture = frame(0, truth(1, 0, points=points))
    for result, mota in ((right, 1), (wrong, -1)):
        judge = TrackJudge()
        judge.add(picture, result, rank_picture(result, picture, atlas)["gpsm"])
        assert judge.measures()["mota"] == mota


def test_without_motmetrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "motmetrics", None)
    with pytest.raises(InputError, match=r"densepose-mobile\[eval\]"):
        TrackJudge()
