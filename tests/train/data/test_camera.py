import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from densepose_mobile.train.data.camera import look_at

_near = st.floats(-2, 2, width=32)


@settings(max_examples=50)
@given(
    st.tuples(_near, _near, st.floats(1, 4, width=32)),
    st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)),
    st.floats(-1.5, 1.5),
    st.floats(100, 400),
)
def test_target_lands_where_asked(
    position: tuple[float, float, float], place: tuple[float, float], roll: float, focal: float
) -> None:
    camera = look_at(np.array(position, np.float32), np.zeros(3, np.float32), focal, 200, place, roll)
    x, y, depth = camera.project(np.zeros((1, 3), np.float32))[0]
    assert depth > 0
    np.testing.assert_allclose([x, y], [200 * place[0], 200 * place[1]], atol=0.5)
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(camera.rotation) > 0


def test_axes_are_those_of_a_picture() -> None:
    camera = look_at(np.array([0, 1, 3], np.float32), np.array([0, 1, 0], np.float32), 100.0, 64)
    points = np.array([[0.5, 1, 0], [0, 1.5, 0]], np.float32)
    right, above = camera.project(points)
    assert right[0] > 32
    np.testing.assert_allclose(right[1], 32, atol=1e-3)
    assert above[1] < 32


def test_rays_invert_projection() -> None:
    camera = look_at(np.array([1, 2, 3], np.float32), np.zeros(3, np.float32), 50.0, 32, (0.4, 0.6), 0.3)
    points = camera.position + 2.5 * camera.rays()
    projected = camera.project(points)
    rows, columns = np.indices((32, 32)) + 0.5
    np.testing.assert_allclose(projected[..., 0], columns, atol=1e-3)
    np.testing.assert_allclose(projected[..., 1], rows, atol=1e-3)
    np.testing.assert_allclose(projected[..., 2], 2.5, atol=1e-4)
