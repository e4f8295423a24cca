import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.train.data.rotations import (
    about_axis,
    between,
    from_quaternions,
    mirror_rotations,
    swing_twist,
    twist_angle,
)

number = st.floats(-1, 1, width=32)
vector = st.tuples(number, number, number).filter(lambda v: np.linalg.norm(v) > 0.1).map(np.array)
angle = st.floats(-3.1, 3.1)


@given(vector, angle)
def test_rotations_are_orthogonal_and_keep_their_axis(axis: np.ndarray, turn: float) -> None:
    matrix = about_axis(axis, turn)
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    assert np.isclose(np.linalg.det(matrix), 1, atol=1e-5)
    assert np.allclose(matrix @ axis, axis, atol=1e-5)


def test_quarter_turn_about_y_brings_front_to_left() -> None:
    assert np.allclose(about_axis(np.array([0, 1, 0]), np.pi / 2) @ [0, 0, 1], [1, 0, 0], atol=1e-6)
    assert np.allclose(from_quaternions(np.array([0, np.sqrt(0.5), 0, np.sqrt(0.5)])) @ [0, 0, 1], [1, 0, 0], atol=1e-6)


def test_one_axis_and_many_agree() -> None:
    axes = np.random.default_rng(0).normal(size=(5, 3))
    many = about_axis(axes, np.arange(5.0))
    for k in range(5):
        assert np.allclose(many[k], about_axis(axes[k], float(k)), atol=1e-5)


@given(vector, vector)
def test_between_turns_one_into_the_other(a: np.ndarray, b: np.ndarray) -> None:
    turned = between(a, b) @ (a / np.linalg.norm(a))
    assert np.allclose(turned, b / np.linalg.norm(b), atol=1e-3)


@given(vector, angle, vector)
def test_swing_and_twist_make_the_rotation(axis: np.ndarray, turn: float, about: np.ndarray) -> None:
    about = about / np.linalg.norm(about)
    matrix = about_axis(axis, turn)
    swing, twist = swing_twist(matrix, about)
    assert np.allclose(swing @ about_axis(about, twist), matrix, atol=1e-4)
    assert abs(twist_angle(swing, about)) < 0.02


@given(vector, angle, vector)
def test_mirror_acts_as_a_mirror(axis: np.ndarray, turn: float, point: np.ndarray) -> None:
    matrix, flip = about_axis(axis, turn), np.array([-1, 1, 1])
    assert np.allclose(mirror_rotations(matrix) @ (point * flip), (matrix @ point) * flip, atol=1e-5)
