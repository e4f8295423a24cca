import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.train.data.camera import look_at
from densepose_mobile.train.data.geometry import Mesh, pack
from densepose_mobile.train.data.raster import rasterise
from densepose_mobile.train.data.shading import Light, shade
from densepose_mobile.train.data.shadows import no_shadows

_SIZE = 24
_GREY = np.full((4, 4, 3), 128, np.uint8)
_SQUARE = np.array([[-2, -2, 0], [2, -2, 0], [2, 2, 0], [-2, 2, 0]], np.float32)  # faces the camera, x right, y up
_FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
_UPRIGHT = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)  # u right, v down


def _brightness(
    towards: tuple[float, float, float],
    relief: tuple[float, float] | None,
    uv: NDArray[np.float32] = _UPRIGHT,
) -> float:
    """Of the middle of a square that a lamp in the direction `towards` lights, all else dark."""
    texture = None if relief is None else np.full((8, 8, 2), np.rint(np.array(relief) * 127.5 + 127.5), np.uint8)
    mesh = Mesh(_SQUARE, _FACES, _FACES, uv, _GREY, gloss=0.0, relief=texture)
    camera = look_at(np.array([0, 0, 3], np.float32), np.zeros(3, np.float32), 40.0, _SIZE)
    geometry = pack([mesh], camera)
    direction = np.asarray(towards, np.float32) / np.float32(np.linalg.norm(towards))
    light = Light(np.zeros((9, 3), np.float32), np.full(3, 0.8, np.float32), direction, 0.02)
    colour = shade(geometry, rasterise(geometry, _SIZE), light, no_shadows(direction), camera.position)
    middle = colour[_SIZE // 2, _SIZE // 2]
    assert middle[3] == pytest.approx(1)
    return float(middle[0])


def test_relief_of_nothing_changes_nothing() -> None:
    assert _brightness((0.3, 0.2, 1), (0, 0)) == pytest.approx(_brightness((0.3, 0.2, 1), None), rel=0.02)


@pytest.mark.parametrize("uv", [_UPRIGHT, np.roll(_UPRIGHT, 1, axis=0), _UPRIGHT[::-1].copy()])
def test_relief_tilts_the_normal_along_u_and_v(uv: NDArray[np.float32]) -> None:
    """A relief that turns the normal to the lamp is as bright as a lamp in front, however the texture lies."""
    along_u = (_SQUARE[1] - _SQUARE[0]) / 4 * (uv[1, 0] - uv[0, 0]) + (_SQUARE[3] - _SQUARE[0]) / 4 * (
        uv[3, 0] - uv[0, 0]
    )
    along_v = (_SQUARE[1] - _SQUARE[0]) / 4 * (uv[1, 1] - uv[0, 1]) + (_SQUARE[3] - _SQUARE[0]) / 4 * (
        uv[3, 1] - uv[0, 1]
    )
    lamp = np.array([0.5, 0.3, np.sqrt(1 - 0.5**2 - 0.3**2)])
    relief = (float(lamp @ along_u), float(lamp @ along_v))
    assert _brightness(tuple(lamp), relief, uv) == pytest.approx(_brightness((0, 0, 1), None), rel=0.02)
    away = (-relief[0], -relief[1])
    assert _brightness(tuple(lamp), away, uv) < 0.6 * _brightness(tuple(lamp), relief, uv)
