import io
import zipfile

import cv2
import numpy as np

from densepose_mobile.train.data.clip import _between, pack_frames
from densepose_mobile.train.data.poses import CANONICAL, Pose


def test_frames_are_packed_in_order_and_in_their_colours() -> None:
    frames = [np.full((32, 32, 3), (200, 20 * n, 30), np.uint8) for n in range(11)]
    with zipfile.ZipFile(io.BytesIO(pack_frames(frames))) as film:
        names = sorted(film.namelist())
        assert names == film.namelist()
        decoded = [cv2.imdecode(np.frombuffer(film.read(name), np.uint8), cv2.IMREAD_COLOR) for name in names]
    for frame, bgr in zip(frames, decoded, strict=True):
        np.testing.assert_allclose(bgr[16, 16, ::-1].astype(int), frame[16, 16], atol=8)


def test_the_pose_between_turns_half_as_far() -> None:
    def turned(angle: float) -> Pose:
        c, s = np.cos(angle), np.sin(angle)
        rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
        return Pose(np.tile(rotation, (len(CANONICAL), 1, 1)), angle, "clip:0")

    half = _between(turned(0.2), turned(0.8))
    np.testing.assert_allclose(half.rotations, turned(0.5).rotations, atol=1e-6)
    assert half.air == 0.5
