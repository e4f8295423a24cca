import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile.train.data.camera import Camera, look_at
from densepose_mobile.train.data.geometry import Mesh, pack
from densepose_mobile.train.data.raster import rasterise
from densepose_mobile.train.data.records import BARYCENTRIC_STEPS
from densepose_mobile.train.data.shapes import ball, box
from densepose_mobile.train.data.truth import truth

_SIZE = 48
_WHITE = np.full((4, 4, 3), 255, np.uint8)


def _camera(distance: float = 3.0) -> Camera:
    return look_at(np.array([0, 0, distance], np.float32), np.zeros(3, np.float32), 60.0, _SIZE)


def _triangle(corners: object, **extra: object) -> Mesh:
    vertices = np.asarray(corners, np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    settings_ = {"instance": 1, "first_face": 10, **extra}
    return Mesh(vertices, faces, faces, np.array([[0, 0], [1, 0], [0, 1]], np.float32), _WHITE, **settings_)  # type: ignore[arg-type]


def _seen(meshes: list[Mesh], camera: Camera) -> "tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.uint8]]":
    geometry = pack(meshes, camera)
    found = truth(geometry, rasterise(geometry, camera.size))
    return found.face, found.barycentric, found.instance


_coordinate = st.floats(-1.25, 1.25, width=32)


@settings(max_examples=60)
@given(st.tuples(*[st.tuples(_coordinate, _coordinate, _coordinate)] * 3))
def test_triangle_agrees_with_rays(corners: tuple[tuple[float, float, float], ...]) -> None:
    """Coverage and perspective-correct weights equal the intersection of each pixel's ray with the triangle."""
    camera = _camera()
    a, b, c = np.asarray(corners, np.float64)
    matrix = np.stack([a - camera.position, b - camera.position, c - camera.position], axis=1)
    area = np.linalg.norm(np.cross(b - a, c - a))
    if abs(np.linalg.det(matrix)) < 0.05 or area < 0.05:
        return
    face, barycentric, _ = _seen([_triangle(corners)], camera)
    weights = camera.rays().astype(np.float64).reshape(-1, 3) @ np.linalg.inv(matrix).T
    total = weights.sum(axis=1)
    weights = (weights / np.where(total == 0, 1, total)[:, None]).reshape(_SIZE, _SIZE, 3)
    inside = (weights.min(axis=2) > 1e-3) & (total.reshape(_SIZE, _SIZE) > 0)
    outside = weights.min(axis=2) < -1e-3
    assert (face[inside] == 10).all()
    assert (face[outside] == -1).all()
    error = np.abs(barycentric[inside] / BARYCENTRIC_STEPS - weights[inside][:, :2])
    assert error.size == 0 or error.max() < 0.5 / BARYCENTRIC_STEPS + 0.035  # the second weight gives way to the first


def test_sphere_covers_its_disc() -> None:
    camera = _camera()
    sphere = ball(0.7, _WHITE, rings=48, sides=96)
    mesh = Mesh(sphere.vertices, sphere.faces, sphere.uv_faces, sphere.uv, _WHITE, instance=1, first_face=0)
    face, _, instance = _seen([mesh], camera)
    rays = camera.rays() / np.linalg.norm(camera.rays(), axis=2, keepdims=True)
    sine = np.linalg.norm(np.cross(rays, camera.forward), axis=2)
    np.testing.assert_array_equal(instance[sine < 0.7 / 3 - 0.006], 1)
    np.testing.assert_array_equal(face[sine > 0.7 / 3 + 0.006], -1)


def test_nearer_face_wins_in_any_order() -> None:
    near = _triangle([[-1, -1, 0.5], [1, -1, 0.5], [0, 1, 0.5]], instance=2, first_face=20)
    far = _triangle([[-1, -1, -0.5], [1, -1, -0.5], [0, 1, -0.5]])
    for order in ([near, far], [far, near]):
        face, _, instance = _seen(order, _camera())
        assert face[_SIZE // 2, _SIZE // 2] == 20
        assert instance[_SIZE // 2, _SIZE // 2] == 2


def test_things_hide_people_and_are_background() -> None:
    person = _triangle([[-1, -1, 0], [1, -1, 0], [0, 1, 0]])
    thing = box((0.4, 0.4, 0.1), _WHITE)
    face, _, instance = _seen([person, Mesh(thing.vertices + np.float32([0, 0, 1]), *_rest(thing))], _camera())
    assert face[_SIZE // 2, _SIZE // 2] == -1
    assert instance[_SIZE // 2, _SIZE // 2] == 0
    assert (instance == 1).any()


def _rest(mesh: Mesh) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8]]:
    return mesh.faces, mesh.uv_faces, mesh.uv, mesh.texture


@pytest.mark.parametrize(("double_sided", "shown"), [(True, True), (False, False)])
def test_back_faces(double_sided: bool, shown: bool) -> None:
    back = _triangle([[-1, -1, 0], [0, 1, 0], [1, -1, 0]], double_sided=double_sided)
    front = _triangle([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], double_sided=False)
    assert (_seen([back], _camera())[0] >= 0).any() == shown
    assert (_seen([front], _camera())[0] >= 0).any()


def test_hidden_transparent_and_near_faces_are_not_drawn() -> None:
    corners = [[-1, -1, 0], [1, -1, 0], [0, 1, 0]]
    clear = np.zeros((4, 4, 4), np.uint8)
    assert (_seen([_triangle(corners, hidden=np.array([True]))], _camera())[0] == -1).all()
    mesh = _triangle(corners)
    assert (_seen([Mesh(mesh.vertices, *_rest(mesh)[:3], clear, instance=1, first_face=0)], _camera())[0] == -1).all()
    assert (_seen([_triangle(corners)], _camera(0.05))[0] == -1).all()
