"""Rectangles that move, cross, vanish and return, followed with the fake runtime of the SDK's tests."""

from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile import DensePoseResult, InputError, StreamClosed, TimestampError, VideoOptions
from densepose_mobile.postprocess.maps import DenseMaps
from densepose_mobile.predictor import DensePose
from densepose_mobile.stopwatch import STAGES, Stopwatch
from densepose_mobile.tracking import Video

Make = Callable[..., DensePose]
Placed = tuple[int, float, float]  # colour, left, top
RED, GREEN, BLUE = 0, 1, 2
RIGHT_PARTS = (4, 6, 24)  # of their right halves, as the fake runtime labels them
WIDTH, HEIGHT = 60, 150  # px of each person
STEP = 1000 / 30


def scene(*people: Placed, size: tuple[int, int] = (640, 320)) -> NDArray[np.uint8]:
    """(320, 640, 3) uint8 RGB; the last one in front."""
    picture = np.full((size[1], size[0], 3), 127, np.uint8)
    for colour, x, y in people:
        left, top = round(x), round(y)
        picture[max(top, 0) : max(top + HEIGHT, 0), max(left, 0) : max(left + WIDTH, 0)] = np.eye(3)[colour] * 255
    return picture


def show(video: Video, frames: Iterable[NDArray[np.uint8]], start: float = 0.0) -> list[DensePoseResult]:
    return [video(frame, start + index * STEP) for index, frame in enumerate(frames)]


def numbers(result: DensePoseResult) -> dict[int, int | None]:
    """Colour -> number."""
    return {RIGHT_PARTS.index(int(person.part.max())): person.track for person in result}


def test_detect_runs_only_when_it_must(fake_model: Make, fake_runtime: Any) -> None:
    with fake_model().video(options=VideoOptions(detect_every=4)) as video:
        results = show(video, [scene((RED, 100 + 3 * k, 80), (BLUE, 400, 90)) for k in range(9)])
    detect, track = "detect", "track"
    first, other = [detect, track, track], [track, track]
    assert fake_runtime.calls == [*first, *other * 3, *first, *other * 3, *first]
    assert [numbers(result) for result in results] == [{RED: 1, BLUE: 2}] * 9
    assert list(results[0].timings) == [*STAGES, "total"]
    assert results[0].timings["detect"] > 0
    assert results[1].timings["detect"] == results[1].timings["dense"] == 0


def test_newcomers_need_more_than_who_is_followed_already(fake_model: Make, fake_runtime: Any) -> None:
    fake_runtime.presence = 2.0  # .88
    frames = [scene((RED, 100, 80))] * 5
    with fake_model(presence=0.98).video() as video:
        assert [len(result) for result in show(video, frames[:1])] == [0]
        fake_runtime.presence = 5.0
        assert [len(result) for result in show(video, frames[1:4], start=STEP)] == [0, 0, 1]
        fake_runtime.presence = 2.0
        assert [len(result) for result in show(video, frames[4:], start=4 * STEP)] == [1]


@given(
    steps=st.lists(st.tuples(st.integers(-9, 9), st.integers(-7, 7)), min_size=10, max_size=10),
    step_ms=st.floats(10, 100),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_wanderer_is_followed_by_crops_alone(
    fake_model: Make, fake_runtime: Any, steps: list[tuple[int, int]], step_ms: float
) -> None:
    fake_runtime.calls.clear()
    places = np.clip(np.cumsum([(250, 80), *steps], 0), (5, 5), (640 - WIDTH - 5, 320 - HEIGHT - 5))
    with fake_model().video(options=VideoOptions(detect_every=1000)) as video:
        for index, (x, y) in enumerate(places):
            (person,) = video(scene((GREEN, x, y)), index * step_ms)
            assert person.track == 1
            np.testing.assert_allclose(person.box, [x, y, x + WIDTH, y + HEIGHT], atol=2)
    assert fake_runtime.calls.count("detect") == 1


@pytest.mark.parametrize("behind", [RED, BLUE])
@pytest.mark.parametrize("speed", [5, 9])
def test_numbers_outlive_a_walk_behind_somebody(fake_model: Make, behind: int, speed: int) -> None:
    """Out of sight for some 0.2 s, in part for much longer; at the speeds of a walk and of a run."""
    front = RED + BLUE - behind
    with fake_model().video() as video:
        results = show(video, [scene((behind, 60 + speed * k, 80), (front, 290, 80)) for k in range(int(500 / speed))])
    before, after = numbers(results[0]), numbers(results[-1])
    assert before.keys() == {RED, BLUE}
    assert after == before
    assert all(numbers(result)[front] == before[front] for result in results)


def test_two_who_meet_and_turn_back_are_not_swapped(fake_model: Make) -> None:
    gaps = [*range(200, -20, -6), *range(-20, 200, 6)]  # overlapping by a third in the middle
    with fake_model().video() as video:
        results = show(video, [scene((RED, 290 - gap / 2 - 30, 80), (BLUE, 290 + gap / 2 + 30, 85)) for gap in gaps])
    assert {tuple(sorted(numbers(result).items())) for result in results} == {((RED, 1), (BLUE, 2))}


@pytest.mark.parametrize(("away", "again"), [(15, True), (26, True), (60, False)])
def test_who_returns_soon_keeps_the_number(fake_model: Make, away: int, again: bool) -> None:
    there, gone = scene((RED, 300, 80), (BLUE, 80, 70)), scene((BLUE, 80, 70))
    with fake_model().video(options=VideoOptions(patience_ms=1000)) as video:
        results = show(video, [*[there] * 5, *[gone] * away, *[there] * 15])
    assert numbers(results[4]) == {RED: 1, BLUE: 2}
    assert numbers(results[5 + away - 1]) == {BLUE: 2}
    assert numbers(results[-1]) == {RED: 1 if again else 3, BLUE: 2}


def test_somebody_elsewhere_is_somebody_else(fake_model: Make) -> None:
    with fake_model().video() as video:
        results = show(video, [*[scene((RED, 40, 80))] * 5, *[scene()] * 2, *[scene((RED, 500, 80))] * 5])
        assert numbers(results[-1]) == {RED: 2}


def test_nobody_costs_no_crops_and_is_searched_for(fake_model: Make, fake_runtime: Any) -> None:
    with fake_model().video(options=VideoOptions(search_every=2)) as video:
        assert not any(show(video, [scene()] * 5))
        assert fake_runtime.calls == ["detect"] * 3
        assert len(video(scene((RED, 200, 80)), 1000)) == 0
        assert numbers(video(scene((RED, 200, 80)), 1033)) == {RED: 1}


def test_people_come_best_first_and_share_no_pixel(fake_model: Make) -> None:
    with fake_model().video() as video:
        results = show(video, [scene((BLUE, 250, 60), (RED, 280 + k, 80)) for k in range(6)])
    for result in results:
        assert [person.track for person in result] == [1, 2]
        assert (np.diff(result.scores) <= 0).all()
        painted = np.zeros((320, 640), int)
        for person in result:
            painted[person.window] += person.mask
        assert painted.max() == 1


@given(st.lists(st.tuples(st.integers(-45, 45), st.integers(-25, 25)), min_size=12, max_size=12))
@settings(max_examples=15)
def test_a_group_keeps_its_numbers_under_a_camera_that_shakes(jolts: list[tuple[int, int]]) -> None:
    """Four alike who stand still, less than a jolt from each other, so that the picture alone tells who is who."""
    there = np.array([[200 + 50 * k, 120, 240 + 50 * k, 260] for k in range(4)], np.float32)
    wall = np.random.default_rng(1).uniform(0, 255, (12, 16, 3)).astype(np.float32)
    wall = cv2.resize(wall, (640, 480), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    now = there

    def find(rgb: NDArray[np.uint8], score: float, watch: Stopwatch) -> tuple[NDArray[Any], NDArray[Any]]:
        return now, np.full(4, 0.7, np.float32)

    def look(rgb: NDArray[np.uint8], box: NDArray[np.float32], watch: Stopwatch, presence: float) -> DenseMaps:
        """Whoever is nearest to the middle of the crop."""
        nearest = now[np.abs((now - box)[:, ::2].sum(1)).argmin()]
        maps = np.zeros((8, 8, 24), np.float32)
        return DenseMaps(nearest, np.full((8, 8), 4, np.float32), maps, maps, maps, np.zeros((8, 8), np.float32))

    with Video(find, look) as video:
        for index, (x, y) in enumerate([(0, 0), *jolts]):
            now = there + np.array([x, y] * 2, np.float32)
            frame = cv2.warpAffine(wall, np.array([[1.0, 0, x], [0, 1, y]]), (640, 480), borderMode=cv2.BORDER_REFLECT)
            result = video(np.asarray(frame, np.uint8), index * STEP)
            assert [person.track for person in sorted(result, key=lambda person: person.box[0])] == [1, 2, 3, 4]


def test_max_people_holds(fake_model: Make) -> None:
    crowd = scene((BLUE, 40, 80), (GREEN, 240, 80), (RED, 440, 80))
    with fake_model(max_people=2).video(options=VideoOptions(detect_every=2)) as video:
        assert {len(result) for result in show(video, [crowd] * 6)} == {2}
    with fake_model(max_people=0).video() as video:
        assert not any(show(video, [crowd] * 2))


def test_a_score_below_the_least_starts_nobody_but_keeps_who_is_known(fake_model: Make, fake_runtime: Any) -> None:
    picture = scene((GREEN, 300, 80))  # scores 0.88
    with fake_model(score=0.95).video() as video:
        assert not any(show(video, [picture] * 4))
    with fake_model(score=0.85).video() as video:
        assert numbers(show(video, [picture] * 4)[-1]) == {GREEN: 1}


def test_a_bad_timestamp_does_not_wedge_the_video(fake_model: Make) -> None:
    with fake_model().video() as video:
        video(scene((RED, 300, 80)), 100)
        for bad in (100, 99.5, float("nan")):
            with pytest.raises(TimestampError, match=str(bad)):
                video(scene(), bad)
        assert numbers(video(scene((RED, 302, 80)), 133)) == {RED: 1}


def test_a_bad_frame_changes_nothing(fake_model: Make) -> None:
    with fake_model().video() as video:
        video(scene((RED, 300, 80)), 100)
        with pytest.raises(InputError, match="expects uint8"):
            video(np.zeros((4, 4)), 133)  # type: ignore[arg-type]
        assert numbers(video(scene((RED, 302, 80)), 133)) == {RED: 1}  # its time is still free


def test_a_failing_runtime_does_not_wedge_the_video(fake_model: Make, fake_runtime: Any) -> None:
    with fake_model().video() as video:
        video(scene((RED, 300, 80)), 100)
        fake_runtime.calls = None
        with pytest.raises(AttributeError):
            video(scene((RED, 301, 80)), 133)
        fake_runtime.calls = []
        assert numbers(video(scene((RED, 302, 80)), 166)) == {RED: 1}


def test_after_closing_no_frame_is_taken(fake_model: Make) -> None:
    model = fake_model()
    with model.video() as video:
        pass
    with pytest.raises(StreamClosed, match=r"open another one with model\.video\(\)"):
        video(scene(), 0)
    video.close()
    assert len(model.predict(scene((RED, 300, 80)))) == 1


def test_another_size_starts_anew(fake_model: Make) -> None:
    with fake_model().video() as video:
        assert numbers(video(scene((RED, 300, 80)), 0)) == {RED: 1}
        assert numbers(video(scene((RED, 100, 80), size=(320, 640)), 33)) == {RED: 2}


def test_colour_layout_and_rotation_are_the_videos(fake_model: Make) -> None:
    upright = scene((RED, 100, 80), size=(320, 320))
    lying = np.ascontiguousarray(np.rot90(upright)[..., ::-1])
    with fake_model().video(color="bgr", rotation=90) as video:
        (person,) = video(lying, 0)
    np.testing.assert_allclose(person.box, [100, 80, 160, 230], atol=1)
    assert person.part.max() == 4
    with pytest.raises(InputError, match="'bgrr' is unknown"):
        fake_model().video(color="bgrr")(lying, 0)


def test_videos_do_not_know_each_other(fake_model: Make) -> None:
    model = fake_model()
    with model.video() as one, model.video() as two:
        assert numbers(one(scene((RED, 300, 80)), 1000)) == {RED: 1}
        assert numbers(two(scene((BLUE, 300, 80)), 5)) == {BLUE: 1}
        assert numbers(one(scene((RED, 300, 80), (BLUE, 80, 80)), 1033)) == {RED: 1}


def test_a_gap_longer_than_patience_starts_anew(fake_model: Make) -> None:
    with fake_model().video() as video:
        assert numbers(video(scene((RED, 300, 80)), 0)) == {RED: 1}
        assert numbers(video(scene((RED, 300, 80)), 60_000)) == {RED: 2}
