"""The camera's motion: found behind people, or shared by them, and carried over to their places."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile.postprocess.silhouette import Silhouette, silhouette
from densepose_mobile.tracking.camera import CameraMotion

SIZE = (240, 320)
SHIFTS = st.tuples(st.floats(-40, 40), st.floats(-30, 30))
MOVES = st.tuples(st.floats(-15, 15), st.floats(-15, 15))


def texture(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, coarse and fine as pictures are."""
    rng = np.random.default_rng(seed)
    picture = np.full((*size, 3), 127, np.float32)
    for cell, strength in ((64, 60), (24, 40), (8, 30)):
        noise = rng.uniform(-strength, strength, (size[0] // cell + 2, size[1] // cell + 2, 3)).astype(np.float32)
        picture += cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
    return picture.clip(0, 255).astype(np.uint8)


def moved(picture: NDArray[np.uint8], by: tuple[float, float]) -> NDArray[np.uint8]:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float64)
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT), np.uint8)


def standing(x: float, y: float, width: int = 60, height: int = 120, size: tuple[int, int] = SIZE) -> Silhouette:
    shape = silhouette(np.full((8, 8), 5, np.float32), np.array([x, y, x + width, y + height], np.float32), *size)
    assert shape is not None
    return shape


def with_people(
    scene: NDArray[np.uint8], places: list[tuple[float, float]], people: list[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    scene = scene.copy()
    for (x, y), person in zip(places, people, strict=True):
        left, top = round(x), round(y)
        scene[top : top + len(person), left : left + person.shape[1]] = person
    return scene


@given(SHIFTS, st.sampled_from([(240, 320), (480, 270), (720, 1280)]))
@settings(max_examples=25)
def test_the_shift_of_a_whole_picture_is_found(share: tuple[float, float], size: tuple[int, int]) -> None:
    scale = size[0] / SIZE[0]
    by = share[0] * scale / 2, share[1] * scale / 2
    picture = cv2.resize(texture(1), size[::-1])
    camera = CameraMotion()
    camera.remember(picture, [])
    np.testing.assert_allclose(camera.shift(moved(picture, by)), by, atol=0.5 * max(scale, 1))


@given(MOVES, st.lists(MOVES, min_size=2, max_size=2))
@settings(max_examples=25)
def test_people_who_walk_do_not_move_the_camera(by: tuple[float, float], walks: list[tuple[float, float]]) -> None:
    wall, people = texture(1), [texture(seed, (120, 60)) for seed in (2, 3)]
    before = [(60.0, 60.0), (200.0, 60.0)]
    after = [(x + by[0] + dx, y + by[1] + dy) for (x, y), (dx, dy) in zip(before, walks, strict=True)]
    camera = CameraMotion()
    camera.remember(with_people(wall, before, people), [standing(*place) for place in before])
    found = camera.shift(with_people(moved(wall, by), after, people))
    np.testing.assert_allclose(found, by, atol=1)


@given(st.tuples(st.integers(-12, 12), st.integers(-12, 12)), st.tuples(st.integers(-12, 12), st.integers(-12, 12)))
@settings(max_examples=25)
def test_before_a_plain_wall_most_of_the_people_tell(by: tuple[int, int], walk: tuple[int, int]) -> None:
    assume(max(map(abs, walk)) > 4)
    wall, people = np.full((*SIZE, 3), 127, np.uint8), [texture(seed, (120, 60)) for seed in (2, 3, 4)]
    before = [(20.0, 60.0), (120.0, 60.0), (225.0, 60.0)]
    still = [(x + by[0], y + by[1]) for x, y in before]
    after = [still[0], still[1], (still[2][0] + walk[0], still[2][1] + walk[1])]
    camera = CameraMotion()
    shapes = [standing(*place) for place in before]
    camera.remember(with_people(wall, before, people), shapes)
    np.testing.assert_allclose(camera.shift(with_people(wall, after, people)), by, atol=1)
    # Two of whom one walks say nothing, nor does one.
    for some in (slice(1, 3), slice(2, 3)):
        camera.remember(with_people(wall, before[some], people[some]), shapes[some])
        np.testing.assert_allclose(camera.shift(with_people(wall, after[some], people[some])), (0, 0), atol=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 3), (16, 16), (9, 3000)])
def test_frames_without_anything_to_see_do_not_move(size: tuple[int, int]) -> None:
    camera = CameraMotion()
    for fill in (0, 255, 127):
        frame = np.full((*size, 3), fill, np.uint8)
        assert (camera.shift(frame) == 0).all()
        camera.remember(frame, [standing(0, 0, 1, 1, size)])
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    assert np.isfinite(camera.shift(noise)).all()
    camera.remember(noise, [])
    assert np.isfinite(camera.shift(noise[::-1].copy())).all()


def test_another_scene_and_a_forgotten_frame_tell_nothing() -> None:
    camera = CameraMotion()
    camera.remember(texture(1), [])
    assert (camera.shift(np.full((*SIZE, 3), 127, np.uint8)) == 0).all()
    assert (camera.shift(texture(1, (100, 100))) == 0).all()
    camera.forget()
    assert (camera.shift(moved(texture(1), (9, 9))) == 0).all()


def test_more_people_than_a_byte_counts() -> None:
    camera = CameraMotion()
    crowd = [standing(x, y, 8, 8) for x in range(0, 150, 8) for y in range(0, 230, 14)]
    assert len(crowd) > 256
    camera.remember(texture(1), crowd)
    np.testing.assert_allclose(camera.shift(moved(texture(1), (6, 4))), (6, 4), atol=0.5)
