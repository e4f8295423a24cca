import numpy as np
import pytest

from densepose_mobile.apps.camera.overlay import Painter, mirrored, paint
from densepose_mobile.apps.camera.state import Look
from densepose_mobile.draw import PALETTE, draw
from densepose_mobile.results import DensePoseResult


def test_full_strength_is_what_draw_paints(picture: np.ndarray, result: DensePoseResult) -> None:
    look = Look(("parts", "boxes"))
    np.testing.assert_array_equal(paint(picture, result, look), draw(picture, result, look.styles))


def test_half_strength_lies_between(picture: np.ndarray, result: DensePoseResult) -> None:
    half = paint(picture, result, Look(("parts",), opacity=0.5)).astype(int)
    full = draw(picture, result, ("parts",)).astype(int)
    np.testing.assert_allclose(half, (full + picture) / 2, atol=1)


@pytest.mark.parametrize("look", [Look(()), Look(opacity=0)])
def test_no_paint_leaves_the_picture(picture: np.ndarray, result: DensePoseResult, look: Look) -> None:
    np.testing.assert_array_equal(paint(picture, result, look), picture)
    np.testing.assert_array_equal(paint(picture, None, Look()), picture)


def test_a_mirror_flips_picture_and_people_but_not_their_labels(picture: np.ndarray, result: DensePoseResult) -> None:
    seen = mirrored(result)
    np.testing.assert_array_equal(seen.iuv(), result.iuv()[:, ::-1])
    assert seen[0].box.tolist() == [32, 12, 56, 36]
    painted = paint(picture, result, Look(("parts",), mirror=True))
    np.testing.assert_allclose(painted.astype(int), draw(picture, result, ("parts",))[:, ::-1].astype(int), atol=1)
    np.testing.assert_array_equal(paint(picture, None, Look(mirror=True)), picture[:, ::-1])


def test_scores_stay_legible_in_a_mirror(picture: np.ndarray, result: DensePoseResult) -> None:
    large = np.kron(picture, np.ones((4, 4, 1), np.uint8))
    box = result[0].box * 4
    person = result[0].__class__(
        box, 0.9, *(np.kron(a, np.ones((4, 4), a.dtype)) for a in (result[0].part,)),
        np.full((2, 96, 96), 0.5, np.float32), np.ones((96, 96), np.float32)
    )  # fmt: skip
    both = DensePoseResult((person,), *large.shape[:2])
    mirror = paint(large, both, Look(("boxes",), mirror=True))
    np.testing.assert_array_equal(mirror, draw(np.ascontiguousarray(large[:, ::-1]), mirrored(both), ("boxes",)))
    assert (mirror != draw(large, both, ("boxes",))[:, ::-1]).any()


def test_the_painter_paints_the_newest_and_survives_what_it_cannot_paint(
    picture: np.ndarray, result: DensePoseResult
) -> None:
    errors: list[Exception] = []
    painter = Painter(errors.append)
    painter.order(picture, result, Look(("parts",)))
    assert painter.settle(60)
    first = painter.picture
    assert first is not None
    assert first.seen
    green = first.rgb[18, 20].astype(int) - PALETTE[2]
    assert np.abs(green).max() < 120
    painter.order(picture[:20], result, Look(("parts",)))
    assert painter.settle(60)
    assert [type(error).__name__ for error in errors] == ["InputError"]
    second = painter.picture
    assert second is not None
    assert second.serial > first.serial
    np.testing.assert_array_equal(second.rgb, picture[:20])
    painter.clear()
    assert painter.picture is None
    painter.close()
