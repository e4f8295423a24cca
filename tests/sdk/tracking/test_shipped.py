"""The shipped model follows the astronaut through a pan."""

import numpy as np
import pytest

from densepose_mobile import DensePose, VideoOptions


def test_a_panned_astronaut() -> None:
    pytest.importorskip("ai_edge_litert")
    skimage = pytest.importorskip("skimage")
    photo = np.ascontiguousarray(skimage.data.astronaut()[::2, ::2])
    wide = np.full((256, 400, 3), 127, np.uint8)
    model = DensePose.load()
    with model.video() as video:
        still = video(photo, 0)[0]  # a crop, as those that follow
    with model.video(options=VideoOptions(detect_every=100)) as video:
        for index in range(8):
            frame, shift = wide.copy(), 12 * index
            frame[:, shift : shift + 256] = photo
            result = video(frame, 40 * index)
            assert result[0].track == 1
            assert (result.timings["detect"] > 0) == (index == 0)
    box = still.box + np.array([shift, 0, shift, 0])
    np.testing.assert_allclose(result[0].box, box, atol=20)
    part = np.zeros((256, 400), np.uint8)
    part[result[0].window] = result[0].part
    expected = np.zeros((256, 400), np.uint8)
    expected[:, shift : shift + 256][still.window] = still.part
    both = (part > 0) & (expected > 0)
    assert both.sum() > 0.85 * (expected > 0).sum()
    assert (part[both] == expected[both]).mean() > 0.8
