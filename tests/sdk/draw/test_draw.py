from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.draw import PALETTE, STYLES, draw, legend, patch
from densepose_mobile.draw.boxes import track_colour
from densepose_mobile.draw.core import DEFAULT_STYLES
from densepose_mobile.errors import InputError
from densepose_mobile.results import DensePoseResult, Person

ALL = tuple(STYLES)


@pytest.mark.parametrize("style", ALL)
def test_each_style_paints_and_leaves_its_input(picture: np.ndarray, result: DensePoseResult, style: str) -> None:
    before = picture.copy()
    painted = draw(picture, result, (style,))
    np.testing.assert_array_equal(picture, before)
    assert painted.shape == picture.shape
    assert painted.dtype == np.uint8
    changed = (painted != picture).any(-1)
    assert changed.sum() > 300
    far = np.ones(changed.shape, bool)
    x0, y0, x1, y1 = result.boxes[0].astype(int)
    far[max(y0 - 24, 0) : y1 + 10, max(x0 - 10, 0) : x1 + 10] = False
    assert not changed[far].any()


def test_every_part_shows_its_own_colour() -> None:
    """Painted on grey, each part's pixels are nearer to their own colour's direction than to any other part's."""
    part = np.repeat(np.repeat(np.arange(1, 25, dtype=np.uint8).reshape(4, 6), 20, 0), 20, 1)
    person = Person(
        np.array([0, 0, 120, 80], np.float32),
        0.9,
        part,
        np.zeros((2, 80, 120), np.float32),
        np.ones((80, 120), np.float32),
    )
    grey = np.full((80, 120, 3), 128, np.uint8)
    painted = draw(grey, DensePoseResult((person,), 80, 120), ("parts",)).astype(float)
    middle = painted[10::20, 10::20].reshape(24, 3)
    expected = 0.26 * 128 + 0.74 * np.minimum(PALETTE[1:] * (0.66 + 0.5 * 128 / 255), 255)
    distance = np.linalg.norm(middle[:, None] - expected[None], axis=-1)
    np.testing.assert_array_equal(distance.argmin(1), np.arange(24))


def test_the_picture_stays_visible(picture: np.ndarray, result: DensePoseResult) -> None:
    noisy = picture.copy()
    noisy[::3, ::3] = 255 - noisy[::3, ::3]
    torso = draw(noisy, result).astype(float)[70:98, 112:138].mean(-1)
    assert (result.iuv()[70:98, 112:138, 0] == 2).all()
    assert np.corrcoef(torso.ravel(), noisy[70:98, 112:138].astype(float).mean(-1).ravel())[0, 1] > 0.9
    assert torso.std() > 0.25 * noisy[70:98, 112:138].astype(float).mean(-1).std()


def test_iso_lines_lie_at_their_levels() -> None:
    v, u = (np.mgrid[:200, :200] + 0.5) / 200
    person = Person(
        np.array([0, 0, 200, 200], np.float32),
        0.9,
        np.full((200, 200), 2, np.uint8),
        np.stack([u, v]).astype(np.float32),
        np.ones((200, 200), np.float32),
    )
    grey = np.full((200, 200, 3), 128, np.uint8)
    result = DensePoseResult((person,), 200, 200)
    delta = draw(grey, result, ("parts", "uv")).astype(int).sum(-1) - draw(grey, result, ("parts",)).astype(int).sum(-1)
    for level in (50, 100, 150):
        assert (delta[10:40, level - 1 : level + 1] > 60).any(1).mean() > 0.7  # equal U: bright
        assert (delta[level - 1 : level + 1, 10:40] < -60).any(0).mean() > 0.7  # equal V: dark
    assert np.abs(delta[28:35, 28:35]).max() < 15  # nothing between the lines


def test_lines_are_smooth(result: DensePoseResult) -> None:
    black = np.zeros((220, 260, 3), np.uint8)
    levels = np.unique(draw(black, result, ("contour",))[..., 0])
    assert len(levels) > 40


def test_strips_join_without_a_seam(
    picture: np.ndarray, result: DensePoseResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = draw(picture, result, ALL)
    monkeypatch.setattr(patch, "_STRIP_PIXELS", 1)
    np.testing.assert_array_equal(draw(picture, result, ALL), whole)


@settings(max_examples=40)
@given(
    st.integers(0, 30), st.integers(0, 25), st.integers(1, 9), st.integers(1, 9), st.sampled_from([(40, 34), (31, 35)])
)
def test_people_of_any_size_at_any_place(x: int, y: int, w: int, h: int, size: tuple[int, int]) -> None:
    width, height = size
    w, h = min(w, width - x), min(h, height - y)
    person = Person(
        np.array([x, y, x + w, y + h], np.float32),
        1.0,
        np.full((h, w), 5, np.uint8),
        np.full((2, h, w), 0.25, np.float32),
        np.ones((h, w), np.float32),
    )
    painted = draw(np.full((height, width, 3), 90, np.uint8), DensePoseResult((person,), height, width), ALL)
    assert painted.shape == (height, width, 3)


def test_nobody_changes_nothing(picture: np.ndarray) -> None:
    nobody = DensePoseResult((), *picture.shape[:2])
    painted = draw(picture, nobody, ALL)
    np.testing.assert_array_equal(painted, picture)
    assert painted is not picture


def test_the_legend_stands_beside(picture: np.ndarray, result: DensePoseResult) -> None:
    painted = draw(picture, result, legend=True)
    assert painted.shape[1] > picture.shape[1] + 100
    np.testing.assert_array_equal(painted[: len(picture), : picture.shape[1]], draw(picture, result, DEFAULT_STYLES))
    colours = {tuple(colour) for colour in legend().reshape(-1, 3).tolist()}
    assert colours >= {tuple(colour) for colour in PALETTE[1:].tolist()}


def test_one_style_may_be_a_word(picture: np.ndarray, result: DensePoseResult) -> None:
    np.testing.assert_array_equal(draw(picture, result, "parts"), draw(picture, result, ["parts"]))


def test_mistakes_are_named(picture: np.ndarray, result: DensePoseResult) -> None:
    with pytest.raises(InputError, match=r"'stripes'.*parts, uv, contour, boxes"):
        draw(picture, result, ("parts", "stripes"))
    with pytest.raises(InputError, match=r"260 x 200 px.*260 x 220 px"):
        draw(picture[:200], result)


def test_followed_people_have_their_own_frames(picture: np.ndarray, result: DensePoseResult) -> None:
    def framed(track: int | None) -> np.ndarray:
        return draw(picture, replace(result, people=(replace(result[0], track=track),)), "boxes")

    one, again, two, unnumbered = framed(1), framed(1), framed(2), framed(None)
    np.testing.assert_array_equal(one, again)
    colours = {track_colour(track) for track in range(1, 40)}
    assert len(colours) == 39
    assert {max(colour) for colour in colours} == {255}  # light, for dark letters
    for other in (two, unnumbered):
        assert (one != other).any(-1).sum() > 200
