"""The predictor's geometry and choices, with a runtime that computes maps analytically (see conftest)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile import predictor
from densepose_mobile.errors import InputError
from densepose_mobile.options import Options
from densepose_mobile.predictor import DensePose
from densepose_mobile.spec import ModelSpec
from densepose_mobile.stopwatch import STAGES

Make = Callable[..., DensePose]
RED, GREEN, BLUE = 0, 1, 2


def paint(width: int, height: int, *people: tuple[int, tuple[int, int, int, int]]) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), 127, np.uint8)
    for colour, (x0, y0, x1, y1) in people:
        picture[y0:y1, x0:x1] = np.eye(3, dtype=np.uint8)[colour] * 255
    return picture


@pytest.mark.parametrize("mode", ["fast", "balanced", "accurate"])
@pytest.mark.parametrize(
    ("width", "height", "box"),
    [
        (320, 320, (60, 40, 180, 300)),  # no scaling
        (321, 233, (101, 31, 180, 202)),  # odd sizes: fractional padding and scale
        (233, 417, (23, 51, 160, 371)),
        (640, 480, (300, 100, 410, 430)),  # shrunk by two
        (1013, 761, (333, 222, 612, 701)),
        (97, 131, (20, 25, 61, 112)),  # enlarged
        (500, 500, (7, 100, 200, 160)),  # lying, RoI beyond the left border
    ],
)
def test_person_returns_at_its_place(
    fake_model: Make, mode: Any, width: int, height: int, box: tuple[int, int, int, int]
) -> None:
    """Within a pixel of the edge for sampling's sake, and U, V without the half-pixel shift that a bias would show."""
    result = fake_model().predict(paint(width, height, (RED, box)), mode=mode)
    assert (result.width, result.height) == (width, height)
    (person,) = result
    cell = max(width, height) / 320
    np.testing.assert_allclose(person.box, box, atol=max(0.5 * cell, 1.0))
    assert person.score == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-5)

    left, top, right, bottom = (int(c) for c in person.box)
    x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
    expected_u = (x - box[0]) / (box[2] - box[0])
    expected_v = (y - box[1]) / (box[3] - box[1])
    rows, columns = slice(5, -5), slice(5, -5)  # the outermost pixels may hold repeated values of the edge's cells
    pixels = person.part[rows, columns]
    assert set(np.unique(pixels)) == {3, 4}
    middle = (box[0] + box[2]) / 2
    border = left + 5 + (pixels == 3).sum(1)
    np.testing.assert_allclose(border, middle, atol=max(0.5 * cell, 0.51))
    assert abs((person.uv[0][rows, columns] - expected_u[columns]).mean()) * (box[2] - box[0]) < 0.25 * cell
    assert abs((person.uv[1][rows, columns] - expected_v[rows, None]).mean()) * (box[3] - box[1]) < 0.25 * cell
    np.testing.assert_allclose(person.confidence[person.mask], 1 / (1 + np.exp(-2)), atol=1e-4)


@given(
    size=st.tuples(st.integers(150, 900), st.integers(150, 900)),
    corner=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    extent=st.tuples(st.floats(0.3, 0.5), st.floats(0.3, 0.5)),
    mode=st.sampled_from(["fast", "accurate"]),
)
@example((163, 899), (0.0, 0.0), (0.5, 0.5), "accurate")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_person_returns_at_its_place(
    fake_model: Make, size: tuple[int, int], corner: tuple[float, float], extent: tuple[float, float], mode: Any
) -> None:
    low = [round(c * s) for c, s in zip(corner, size, strict=True)]
    high = [round((c + e) * s) for c, e, s in zip(corner, extent, size, strict=True)]
    (person,) = fake_model().predict(paint(*size, (GREEN, (*low, *high))), mode=mode)
    # Half a network pixel, and at the picture's border another half, where sampling ends with a whole one.
    np.testing.assert_allclose(person.box, [*low, *high], atol=0.5 * max(size) / 320 + 1)
    assert set(np.unique(person.part)) <= {0, 5, 6}


def test_model_says_what_it_is(fake_model: Make) -> None:
    assert repr(fake_model(threads=3)).startswith("DensePose(fake 1, litert-fp32 on fake, Options(threads=3, ")


def test_rotation_turns_the_result_upright(fake_model: Make) -> None:
    upright = paint(300, 420, (RED, (100, 60, 180, 400)))
    expected = fake_model().predict(upright, mode="fast")
    for rotation, turns in ((90, 1), (180, 2), (270, 3)):
        lying = np.ascontiguousarray(np.rot90(upright, turns))  # counter-clockwise; `rotation` clockwise undoes it
        result = fake_model().predict(lying, rotation=rotation, mode="fast")
        np.testing.assert_array_equal(result.iuv(), expected.iuv())


def test_colors_are_told_apart(fake_model: Make) -> None:
    red_in_bgr = np.ascontiguousarray(paint(320, 320, (RED, (60, 40, 180, 300)))[..., ::-1])
    assert fake_model().predict(red_in_bgr, color="bgr", mode="fast")[0].part.max() == 4
    assert fake_model().predict(red_in_bgr, color="rgb", mode="fast")[0].part.max() == 24


def test_files_are_read_and_turned(fake_model: Make, tmp_path: Path) -> None:
    picture = paint(320, 240, (BLUE, (100, 20, 180, 220)))
    path = tmp_path / "blue.png"
    assert cv2.imwrite(str(path), picture[..., ::-1])
    from_file = fake_model().predict(path)
    np.testing.assert_array_equal(from_file.iuv(), fake_model().predict(picture).iuv())
    assert fake_model().predict(str(path), rotation=90).width == 240


def test_people_come_best_first_and_share_no_pixel(fake_model: Make) -> None:
    picture = paint(640, 480, (BLUE, (20, 40, 200, 440)), (RED, (180, 60, 380, 460)), (GREEN, (420, 50, 620, 470)))
    result = fake_model().predict(picture, mode="fast")
    assert [person.part.max() for person in result] == [4, 6, 24]
    assert (np.diff(result.scores) <= 0).all()
    painted = np.zeros((480, 640), int)
    for person in result:
        painted[person.window] += person.mask
    assert painted.max() == 1
    assert set(np.unique(result.instances())) == {0, 1, 2, 3}


def test_options_choose_the_people(fake_model: Make) -> None:
    picture = paint(640, 480, (BLUE, (20, 40, 200, 440)), (RED, (220, 60, 400, 460)), (GREEN, (420, 50, 620, 470)))
    assert len(fake_model(max_people=2).predict(picture)) == 2
    assert [person.part.max() for person in fake_model(score=0.9).predict(picture)] == [4]
    assert len(fake_model(max_people=0).predict(picture)) == 0


@pytest.mark.parametrize(("people", "calls"), [(1, ["dense_1"]), (3, ["dense_1"] * 3)])
def test_dense_runs_in_batches(fake_model: Make, fake_runtime: Any, people: int, calls: list[str]) -> None:
    boxes = [(20, 40, 200, 440), (220, 60, 400, 460), (420, 50, 620, 470)]
    fake_model().predict(paint(640, 480, *enumerate(boxes[:people])), mode="fast")
    assert fake_runtime.calls == ["detect", *calls]


def test_many_people_go_four_at_a_time(fake_model: Make, fake_runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def six(*_: Any, **__: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        corner = np.arange(6, dtype=np.float32)[:, None] * 10
        return np.concatenate([corner, corner + 100] * 2, axis=1)[:, [0, 2, 1, 3]], np.ones(6, np.float32)

    monkeypatch.setattr(predictor, "select_people", six)
    fake_model().predict(paint(320, 320, (RED, (60, 40, 180, 300))), mode="fast")
    assert fake_runtime.calls == ["detect", "dense_4", "dense_1", "dense_1"]


def test_a_batch_that_is_too_large_is_filled(fake_model: Make, fake_runtime: Any) -> None:
    picture = paint(320, 320, (RED, (60, 40, 180, 300)))
    model = fake_model()
    expected = model.predict(picture, mode="fast").iuv()
    model._spec = ModelSpec(roi_batches=(4,))
    fake_runtime.calls.clear()
    np.testing.assert_array_equal(model.predict(picture, mode="fast").iuv(), expected)
    assert fake_runtime.calls == ["detect", "dense_4"]


@pytest.mark.parametrize(
    ("mode", "box", "calls"),
    [
        ("fast", (600, 400, 700, 600), ["detect", "dense_1"]),
        ("balanced", (600, 400, 700, 600), ["detect", "track"]),  # 50 px high to `detect`, 154 px to `track`
        ("balanced", (100, 100, 700, 900), ["detect", "dense_1"]),  # 200 px high to `detect`: a crop would show less
        ("accurate", (600, 400, 700, 600), ["detect", "detect", "track", "track"]),  # and the mirror image
        ("accurate", (100, 100, 700, 900), ["detect", "detect", "dense_1", "dense_1"]),
    ],
)
def test_a_crop_where_it_shows_more(
    fake_model: Make, fake_runtime: Any, mode: Any, box: tuple[int, int, int, int], calls: list[str]
) -> None:
    fake_model().predict(paint(1280, 960, (RED, box)), mode=mode)
    assert fake_runtime.calls == calls


def test_balanced_gains_nothing_from_small_pictures(fake_model: Make, fake_runtime: Any) -> None:
    fake_model().predict(paint(120, 90, (RED, (40, 10, 60, 60))), mode="balanced")
    assert "track" not in fake_runtime.calls


def test_balanced_looks_at_crops_of_the_largest_only(fake_model: Make, fake_runtime: Any) -> None:
    picture = paint(1280, 960, (RED, (100, 100, 150, 250)), (GREEN, (600, 400, 700, 600)), (BLUE, (900, 50, 960, 200)))
    assert len(fake_model(closer_looks=1).predict(picture, mode="balanced")) == 3
    assert fake_runtime.calls.count("track") == 1


def test_a_crop_sharpens_a_small_person(fake_model: Make) -> None:
    box = (605, 403, 634, 467)
    picture = paint(1280, 960, (RED, box))
    errors = {}
    for mode in ("fast", "accurate"):
        (person,) = fake_model().predict(picture, mode=mode)
        errors[mode] = np.abs(person.box - box).max()
    assert errors["accurate"] <= 1
    assert errors["accurate"] <= errors["fast"]


@pytest.mark.parametrize("mode", ["balanced", "accurate"])
def test_whom_a_crop_does_not_show_is_left_out(fake_model: Make, fake_runtime: Any, mode: Any) -> None:
    picture = paint(1280, 960, (RED, (600, 400, 700, 600)))
    fake_runtime.presence = 3.0  # .953
    assert len(fake_model(presence=0.95).predict(picture, mode=mode)) == 1
    assert len(fake_model(presence=0.96).predict(picture, mode=mode)) == 0


def test_the_doubtful_need_a_closer_look(fake_model: Make) -> None:
    small, large = paint(1280, 960, (BLUE, (600, 400, 700, 600))), paint(64, 48, (BLUE, (10, 5, 40, 45)))
    (person,) = fake_model().predict(small, mode="accurate")
    above = {"score": person.score * 1.1}  # a mean of two looks may fall a twentieth short
    assert len(fake_model(**above).predict(small, mode="accurate")) == 1
    assert len(fake_model(**above, doubtful=person.score * 1.1).predict(small, mode="accurate")) == 0
    assert len(fake_model(**above).predict(small, mode="balanced")) == 0
    assert len(fake_model().predict(large, mode="accurate")) == 1
    assert len(fake_model(**above).predict(large, mode="accurate")) == 0  # no crop shows it finer


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (700, 2), (320, 320)])
def test_nobody_is_an_empty_result(fake_model: Make, shape: tuple[int, int]) -> None:
    result = fake_model().predict(np.full((*shape, 3), 127, np.uint8))
    assert len(result) == 0
    assert result.iuv().shape == (*shape, 3)
    assert result.boxes.shape == (0, 4)
    assert [*STAGES, "total"] == list(result.timings)
    assert result.timings["dense"] == result.timings["track"] == 0


@pytest.mark.parametrize("mode", ["fast", "balanced", "accurate"])
def test_a_person_that_fills_the_picture(fake_model: Make, mode: Any) -> None:
    result = fake_model().predict(paint(3, 3, (RED, (0, 0, 3, 3))), mode=mode)
    np.testing.assert_array_equal(result.boxes, [[0, 0, 3, 3]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "best"}, "mode='best'.*fast, balanced, accurate"),
        ({"color": "cmyk"}, "color='cmyk'"),
        ({"rotation": 45}, "rotation=45"),
    ],
)
def test_unknown_arguments_name_the_known(fake_model: Make, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fake_model().predict(paint(32, 32), **arguments)


@pytest.mark.parametrize("picture", [None, [[1]], np.zeros((4, 4, 3), np.float32), np.zeros((0, 3, 3), np.uint8)])
def test_other_things_are_no_picture(fake_model: Make, picture: Any) -> None:
    with pytest.raises(InputError):
        fake_model().predict(picture)


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 0},
        {"threads": 1.5},
        {"score": 1.5},
        {"score": float("nan")},
        {"score": "high"},
        {"max_people": -1},
        {"max_people": None},
        {"duplicate": -0.1},
        {"doubtful": 2},
        {"presence": None},
    ],
)
def test_options_out_of_range_name_the_option(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"Options.{next(iter(options))}"):
        Options(**options)


def test_options_take_numbers_of_numpy() -> None:
    options = Options(threads=np.int64(3), score=np.float32(0.5))
    assert (type(options.threads), type(options.score)) == (int, float)
    assert options == Options(threads=3, score=0.5)


def test_every_stage_is_timed(fake_model: Make, fake_runtime: Any, tmp_path: Path) -> None:
    file = tmp_path / "one.png"
    cv2.imwrite(str(file), paint(1280, 960, (GREEN, (20, 20, 900, 900)), (RED, (1000, 400, 1100, 600))))
    timings = fake_model().predict(file, mode="accurate").timings
    assert min(timings[stage] for stage in STAGES) > 0
    assert sum(timings[stage] for stage in STAGES) <= timings["total"]


def test_placement_is_told_by_graph(fake_model: Make) -> None:
    placement = fake_model().placement
    assert set(placement) == {graph.name for graph in ModelSpec().graphs()}
    assert all(place.complete and place.used == ("NumPy",) for place in placement.values())
