import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import roi_align

from densepose_mobile.postprocess.rois import roi_weights
from densepose_mobile.train.models.roi import pool_rois

CELLS, STRIDE = 16, 4
coordinate = st.floats(-10, 74, width=32)


@settings(max_examples=40)
@given(st.lists(st.tuples(coordinate, coordinate, st.floats(1, 60), st.floats(1, 60)), min_size=1, max_size=4))
def test_equals_torchvision_roi_align(boxes: list[tuple[float, float, float, float]]) -> None:
    features = torch.randn(1, 8, CELLS, CELLS, generator=torch.Generator().manual_seed(0))
    xyxy = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32)
    wy, wx = (torch.from_numpy(w) for w in roi_weights(xyxy, CELLS, STRIDE, 7))
    ours = pool_rois(features.permute(0, 2, 3, 1), wy, wx).permute(0, 3, 1, 2)
    theirs = roi_align(features, [torch.from_numpy(xyxy)], 7, 1 / STRIDE, sampling_ratio=2, aligned=True)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_a_batch_of_pictures_equals_one_picture_at_a_time() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(3, 10, 12, 5, generator=generator)
    wy, wx = torch.rand(6, 4, 10, generator=generator), torch.rand(6, 4, 12, generator=generator)
    together = pool_rois(features, wy, wx)
    apart = [pool_rois(features[i : i + 1], wy[2 * i : 2 * i + 2], wx[2 * i : 2 * i + 2]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(apart))
    direct = torch.einsum("nih,nhwc,njw->nijc", wy, features.repeat_interleave(2, 0), wx)
    torch.testing.assert_close(together, direct)
